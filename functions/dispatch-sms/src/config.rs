//! Configuration of `dispatch-sms`.

lambda::config! {
    /// The environment of this function.
    Config {
        queue_dispatch_sms: "QUEUE_DISPATCH_SMS",
        public_base_url: "PUBLIC_BASE_URL",
        twilio_base_url: "TWILIO_BASE_URL",
    }
}
