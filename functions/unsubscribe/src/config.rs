//! Configuration of `unsubscribe`.

lambda::config! {
    /// The environment of this function.
    Config {}
}
