//! Configuration of `manage-directory`.

lambda::config! {
    /// The environment of this function.
    Config {}
}
