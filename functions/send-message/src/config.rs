//! Configuration of `send-message`.

lambda::config! {
    /// The environment of this function.
    Config {
        queue_send_message: "QUEUE_SEND_MESSAGE",
        queue_dispatch_whatsapp: "QUEUE_DISPATCH_WHATSAPP",
        queue_dispatch_sms: "QUEUE_DISPATCH_SMS",
        queue_dispatch_email: "QUEUE_DISPATCH_EMAIL",
    }
}
