//! Configuration of `unsubscribe`.

lambda::config! {
    /// The environment of this function.
    Config {
        table_directory: "TABLE_DIRECTORY",
        table_bulk_actions: "TABLE_BULK_ACTIONS",
        table_message_logs: "TABLE_MESSAGE_LOGS",
    }
}
