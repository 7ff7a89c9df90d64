//! Configuration of `apply-receipt`.

lambda::config! {
    /// The environment of this function.
    Config {}
}
