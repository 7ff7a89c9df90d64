//! Configuration of `reconcile`.

lambda::config! {
    /// The environment of this function.
    Config {
        queue_send_message: "QUEUE_SEND_MESSAGE",
        twilio_base_url: "TWILIO_BASE_URL",
        ..dispatch_queues: lambda::DispatchQueueUrls
    }
}
