//! Configuration of `dispatch-whatsapp`.

lambda::config! {
    /// The environment of this function.
    Config {
        queue_dispatch_whatsapp: "QUEUE_DISPATCH_WHATSAPP",
        whatsapp_base_url: "WHATSAPP_BASE_URL",
        whatsapp_api_version: "WHATSAPP_API_VERSION",
    }
}
