//! Configuration of `receive-webhook`.

lambda::config! {
    /// The environment of this function.
    Config {
        queue_apply_receipt: "QUEUE_APPLY_RECEIPT",
        public_base_url: "PUBLIC_BASE_URL",
        sns_topic_arn: "SNS_TOPIC_ARN",
        ..dispatch_queues: lambda::DispatchQueueUrls
    }
}
