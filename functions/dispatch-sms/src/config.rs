//! Configuration of `dispatch-sms`.

lambda::config! {
    /// The environment of this function.
    Config {
        table_directory: "TABLE_DIRECTORY",
        table_bulk_actions: "TABLE_BULK_ACTIONS",
        table_message_logs: "TABLE_MESSAGE_LOGS",
        queue_dispatch_sms: "QUEUE_DISPATCH_SMS",
        public_base_url: "PUBLIC_BASE_URL",
        twilio_base_url: "TWILIO_BASE_URL",
    }
}
