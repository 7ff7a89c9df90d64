//! Schemas of OpenAPI 3.0 as JSON Schema. OpenAPI 3.0 has a dialect of its own; of what differs, our document uses `nullable` alone.

use std::collections::HashMap;
use std::sync::Arc;

use anyhow::{Context, Result, anyhow, ensure};
use jsonschema::{Draft, Validator};
use serde_json::{Map, Value, json};

/// Words of OpenAPI 3.0 that JSON Schema does not know, or reads in another way. The document must do without them.
const DIALECT: [&str; 3] = ["discriminator", "exclusiveMinimum", "exclusiveMaximum"];

/// The schemas of the document, each compiled once.
#[derive(Debug)]
pub(super) struct Schemas {
    components: Value,
    compiled: HashMap<String, Schema>,
}

/// A schema that values can be held to.
#[derive(Debug, Clone)]
pub(super) struct Schema(Arc<Validator>);

impl Schemas {
    pub(super) fn new(document: &Value) -> Self {
        let components = translated(&document["components"]["schemas"]);
        Self { components, compiled: HashMap::new() }
    }

    /// Compiles a schema of the document.
    pub(super) fn compile(&mut self, schema: &Value) -> Result<Schema> {
        let name = schema.to_string();
        if let Some(known) = self.compiled.get(&name) {
            return Ok(known.clone());
        }
        ensure!(schema.is_object(), "it has no schema");
        let mut root = translated(schema);
        // References find the components below the schema itself.
        root["components"] = json!({ "schemas": self.components });
        if let Some(word) = dialect(&root) {
            return Err(anyhow!("{word} is read in another way by JSON Schema"));
        }
        let options = jsonschema::options().with_draft(Draft::Draft202012).should_validate_formats(true);
        let validator = options.build(&root).map_err(|error| anyhow!("{error}"))?;
        let schema = Schema(Arc::new(validator));
        self.compiled.insert(name, schema.clone());
        Ok(schema)
    }
}

impl Schema {
    /// # Errors
    /// All that does not fit, with its place.
    pub(super) fn check(&self, value: &Value) -> Result<(), String> {
        let errors = self.0.iter_errors(value);
        let errors: Vec<String> = errors.map(|error| format!("{}: {error}", error.instance_path())).collect();
        if errors.is_empty() { Ok(()) } else { Err(errors.join("; ")) }
    }
}

/// What a reference within the document leads to; anything else is itself.
pub(super) fn local<'a>(document: &'a Value, value: &'a Value) -> Result<&'a Value> {
    let Some(reference) = value["$ref"].as_str() else { return Ok(value) };
    let found = reference.strip_prefix('#').and_then(|pointer| document.pointer(pointer));
    found.with_context(|| format!("there is no {reference}"))
}

/// With `type: [T, "null"]` for `type: T, nullable: true`. As OpenAPI 3.0.3 has it, an `enum` beside it names null itself.
fn translated(schema: &Value) -> Value {
    match schema {
        Value::Object(map) => {
            let mut all: Map<String, Value> =
                map.iter().map(|(name, value)| (name.clone(), translated(value))).collect();
            if all.get("nullable") == Some(&Value::Bool(true))
                && let Some(Value::String(kind)) = all.get("type").cloned()
            {
                all.insert("type".into(), json!([kind, "null"]));
            }
            Value::Object(all)
        }
        Value::Array(items) => items.iter().map(translated).collect(),
        plain => plain.clone(),
    }
}

fn dialect(schema: &Value) -> Option<&'static str> {
    match schema {
        Value::Object(map) => {
            let own = DIALECT.into_iter().find(|word| map.contains_key(*word));
            own.or_else(|| map.values().find_map(dialect))
        }
        Value::Array(items) => items.iter().find_map(dialect),
        _ => None,
    }
}
