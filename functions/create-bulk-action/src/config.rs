//! Configuration of `create-bulk-action`.

lambda::config! {
    /// The environment of this function.
    Config {
        table_directory: "TABLE_DIRECTORY",
        table_bulk_actions: "TABLE_BULK_ACTIONS",
        table_message_logs: "TABLE_MESSAGE_LOGS",
        queue_send_message: "QUEUE_SEND_MESSAGE",
    }
}
