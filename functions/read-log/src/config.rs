//! Configuration of `read-log`.

lambda::config! {
    /// The environment of this function.
    Config {}
}
