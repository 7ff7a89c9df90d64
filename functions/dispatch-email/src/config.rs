//! Configuration of `dispatch-email`.

lambda::config! {
    /// The environment of this function.
    Config {
        queue_dispatch_email: "QUEUE_DISPATCH_EMAIL",
        public_base_url: "PUBLIC_BASE_URL",
        ses_configuration_set: "SES_CONFIGURATION_SET",
    }
}
