//! Configuration of `read-log`.

lambda::config! {
    /// The environment of this function.
    Config {
        directory: "TABLE_DIRECTORY",
        bulk_actions: "TABLE_BULK_ACTIONS",
        message_logs: "TABLE_MESSAGE_LOGS",
    }
}
