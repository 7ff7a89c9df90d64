//! Configuration of `receive-webhook`.

lambda::config! {
    /// The environment of this function.
    Config {
        table_directory: "TABLE_DIRECTORY",
        table_bulk_actions: "TABLE_BULK_ACTIONS",
        table_message_logs: "TABLE_MESSAGE_LOGS",
        queue_apply_receipt: "QUEUE_APPLY_RECEIPT",
        public_base_url: "PUBLIC_BASE_URL",
        sns_topic_arn: "SNS_TOPIC_ARN",
    }
}
