//! Configuration of `dispatch-email`.

lambda::config! {
    /// The environment of this function.
    Config {
        table_directory: "TABLE_DIRECTORY",
        table_bulk_actions: "TABLE_BULK_ACTIONS",
        table_message_logs: "TABLE_MESSAGE_LOGS",
        queue_dispatch_email: "QUEUE_DISPATCH_EMAIL",
        public_base_url: "PUBLIC_BASE_URL",
        ses_configuration_set: "SES_CONFIGURATION_SET",
    }
}
