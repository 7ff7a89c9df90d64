//! Configuration of `dispatch-whatsapp`.

lambda::config! {
    /// The environment of this function.
    Config {
        table_directory: "TABLE_DIRECTORY",
        table_bulk_actions: "TABLE_BULK_ACTIONS",
        table_message_logs: "TABLE_MESSAGE_LOGS",
        queue_dispatch_whatsapp: "QUEUE_DISPATCH_WHATSAPP",
        whatsapp_base_url: "WHATSAPP_BASE_URL",
        whatsapp_api_version: "WHATSAPP_API_VERSION",
    }
}
