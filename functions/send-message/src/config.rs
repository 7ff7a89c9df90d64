//! Configuration of `send-message`.

lambda::config! {
    /// The environment of this function.
    Config {
        queue_send_message: "QUEUE_SEND_MESSAGE",
        ..dispatch_queues: lambda::DispatchQueueUrls
    }
}
