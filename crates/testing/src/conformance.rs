//! `infra/openapi.yaml`, and real answers held to it: whatever a route answers, its status, media type, headers and body are described there.

mod schema;
#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::path::Path;
use std::sync::OnceLock;

use anyhow::{Context, Result};
use serde_json::Value;
use wire::api::http::Reply;

use self::schema::{Schema, Schemas, local};

const METHODS: [&str; 6] = ["get", "put", "post", "delete", "patch", "head"];
/// API Gateway's extension for its catch-all route.
const ANY_METHOD: &str = "x-amazon-apigateway-any-method";
/// The route of whatever no other route takes, as requests name it.
const DEFAULT: &str = "$default";

/// The description of the HTTP API.
#[derive(Debug)]
pub struct Contract {
    operations: BTreeMap<String, Operation>,
    headers: BTreeSet<String>,
    unused: Vec<String>,
}

/// What is described of one route.
#[derive(Debug)]
pub struct Operation {
    /// The function that answers.
    pub function: String,
    /// Examples of its request body.
    pub examples: Vec<Example>,
    answers: BTreeMap<u16, Answer>,
}

/// An example of a request body.
#[derive(Debug)]
pub struct Example {
    /// The media type that it is of.
    pub media_type: String,
    /// The body; a text unless it is of JSON.
    pub body: Value,
    schema: Schema,
}

#[derive(Debug)]
struct Answer {
    /// By media type.
    bodies: BTreeMap<String, Schema>,
    /// By name, in lower case.
    headers: BTreeMap<String, Header>,
}

#[derive(Debug)]
struct Header {
    required: bool,
    schema: Schema,
}

/// An answer that is not described so.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Violation {
    /// Method and path of the route.
    pub route: String,
    /// The status that was answered.
    pub status: u16,
    /// What is wrong, and where in the body.
    pub what: String,
}

impl fmt::Display for Violation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} answered {}, against infra/openapi.yaml: {}", self.route, self.status, self.what)
    }
}

/// `infra/openapi.yaml`, read once.
///
/// # Panics
/// If it cannot be read: there is nothing to hold answers to.
pub fn contract() -> &'static Contract {
    static CONTRACT: OnceLock<Contract> = OnceLock::new();
    CONTRACT.get_or_init(|| {
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../infra/openapi.yaml");
        let text = std::fs::read_to_string(path).expect("infra/openapi.yaml is there");
        Contract::parse(&text).expect("infra/openapi.yaml is an OpenAPI document")
    })
}

impl Contract {
    /// Reads a document.
    ///
    /// # Errors
    /// If it is none, or refers to what it does not hold.
    pub fn parse(text: &str) -> Result<Self> {
        let document: Value = serde_yaml_ng::from_str(text).context("it is not YAML")?;
        let mut schemas = Schemas::new(&document);
        let mut operations = BTreeMap::new();
        for (path, item) in document["paths"].as_object().context("it has no paths")? {
            for (method, operation) in item.as_object().into_iter().flatten() {
                let route = match method.as_str() {
                    ANY_METHOD => DEFAULT.to_owned(),
                    method if METHODS.contains(&method) => format!("{} {path}", method.to_uppercase()),
                    _ => continue,
                };
                let operation = Operation::read(&document, operation, &mut schemas);
                operations.insert(route.clone(), operation.with_context(|| route)?);
            }
        }
        let answers = operations.values().flat_map(|operation| operation.answers.values());
        let headers = answers.flat_map(|answer| answer.headers.keys().cloned()).collect();
        Ok(Self { operations, headers, unused: unused(&document) })
    }

    /// All routes but the catch-all, as in `GET /members/{id}`.
    pub fn routes(&self) -> impl Iterator<Item = (&str, &Operation)> {
        self.operations
            .iter()
            .filter(|(route, _)| *route != DEFAULT)
            .map(|(route, operation)| (route.as_str(), operation))
    }

    /// The function that gets requests of a route, the catch-all's where there is no such route; `None` without one.
    pub fn function_of(&self, route: &str) -> Option<&str> {
        self.operation(route).map(|operation| operation.function.as_str())
    }

    /// Components that nothing refers to.
    pub fn unused(&self) -> &[String] {
        &self.unused
    }

    fn operation(&self, route: &str) -> Option<&Operation> {
        self.operations.get(route).or_else(|| self.operations.get(DEFAULT))
    }

    /// Holds an answer to what is described of its route.
    ///
    /// # Errors
    /// The first thing that is described otherwise or not at all.
    pub fn check(&self, route: &str, reply: &Reply) -> Result<(), Violation> {
        let violation = |what| Violation { route: route.to_owned(), status: reply.status, what };
        let operation = self.operation(route).ok_or_else(|| violation("there is no such route".into()))?;
        let answer = operation.answers.get(&reply.status);
        let answer = answer.ok_or_else(|| violation("the status is not described".into()))?;
        answer.check_headers(reply, &self.headers).and_then(|()| answer.check_body(reply)).map_err(violation)
    }
}

impl Operation {
    fn read(document: &Value, operation: &Value, schemas: &mut Schemas) -> Result<Self> {
        let integration = &operation["x-amazon-apigateway-integration"]["$ref"];
        let function = integration.as_str().and_then(|to| to.rsplit('/').next());
        let mut answers = BTreeMap::new();
        for (status, answer) in operation["responses"].as_object().context("it has no responses")? {
            let status = status.parse().with_context(|| format!("{status} is no status"))?;
            let answer = Answer::read(document, local(document, answer)?, schemas);
            answers.insert(status, answer.with_context(|| format!("its {status}"))?);
        }
        Ok(Self {
            function: function.context("it names no integration")?.to_owned(),
            examples: examples(&operation["requestBody"], schemas)?,
            answers,
        })
    }
}

fn examples(body: &Value, schemas: &mut Schemas) -> Result<Vec<Example>> {
    let mut all = Vec::new();
    for (media_type, content) in body["content"].as_object().into_iter().flatten() {
        let named = content["examples"].as_object().into_iter().flatten().map(|(_, named)| &named["value"]);
        for example in named.chain(content.get("example")) {
            let schema = schemas.compile(&content["schema"])?;
            all.push(Example { media_type: media_type.clone(), body: example.clone(), schema });
        }
    }
    Ok(all)
}

impl Example {
    /// Holds it to the schema beside it.
    ///
    /// # Errors
    /// What does not fit.
    pub fn check(&self) -> Result<(), String> {
        self.schema.check(&self.body)
    }
}

impl Answer {
    fn read(document: &Value, answer: &Value, schemas: &mut Schemas) -> Result<Self> {
        let mut bodies = BTreeMap::new();
        for (media_type, content) in answer["content"].as_object().into_iter().flatten() {
            bodies.insert(media_type.clone(), schemas.compile(&content["schema"])?);
        }
        let mut headers = BTreeMap::new();
        for (name, header) in answer["headers"].as_object().into_iter().flatten() {
            let header = local(document, header)?;
            let schema = schemas.compile(&header["schema"])?;
            let required = header["required"] == true;
            headers.insert(name.to_lowercase(), Header { required, schema });
        }
        Ok(Self { bodies, headers })
    }

    /// `known` are headers that are described anywhere: whoever calls must be able to tell where they come.
    fn check_headers(&self, reply: &Reply, known: &BTreeSet<String>) -> Result<(), String> {
        for (name, header) in &self.headers {
            match value(reply, name) {
                Some(value) => header.check(value).map_err(|what| format!("the header {name}: {what}"))?,
                None if header.required => return Err(format!("the header {name} is missing")),
                None => {}
            }
        }
        let stray = reply.headers.iter().map(|(name, _)| name.to_lowercase());
        match stray.into_iter().find(|name| known.contains(name) && !self.headers.contains_key(name)) {
            Some(name) => Err(format!("the header {name} is not described for this answer")),
            None => Ok(()),
        }
    }

    fn check_body(&self, reply: &Reply) -> Result<(), String> {
        let content_type = value(reply, "content-type").unwrap_or_default();
        let media_type = content_type.split(';').next().unwrap_or_default().trim();
        if self.bodies.is_empty() {
            let empty = media_type.is_empty() && reply.body.is_empty();
            return if empty {
                Ok(())
            } else {
                Err(format!("a body of {media_type:?} where none is described"))
            };
        }
        let schema = self.bodies.get(media_type);
        let schema = schema.ok_or_else(|| format!("the media type {media_type:?} is not described"))?;
        let is_json = media_type == "application/json" || media_type.ends_with("+json");
        let body = if is_json {
            serde_json::from_str(&reply.body).map_err(|error| format!("the body is not JSON: {error}"))?
        } else {
            Value::from(reply.body.as_str())
        };
        if media_type == "application/problem+json" && body["status"] != reply.status {
            return Err("/status: a problem document repeats the HTTP status (RFC 9457, 3.1.2)".into());
        }
        schema.check(&body)
    }
}

impl Header {
    /// The text of a header can stand for a number.
    fn check(&self, text: &str) -> Result<(), String> {
        match text.parse::<i64>() {
            Ok(number) if self.schema.check(&number.into()).is_ok() => Ok(()),
            _ => self.schema.check(&text.into()),
        }
    }
}

fn value<'a>(reply: &'a Reply, name: &str) -> Option<&'a str> {
    let found = reply.headers.iter().find(|(given, _)| given.eq_ignore_ascii_case(name));
    found.map(|(_, value)| value.as_str())
}

/// Components without a reference, security schemes apart, which operations name in another way.
fn unused(document: &Value) -> Vec<String> {
    let mut used = BTreeSet::new();
    references(document, &mut used);
    let kinds = document["components"].as_object().into_iter().flatten();
    let all = kinds.filter(|(kind, _)| *kind != "securitySchemes").flat_map(|(kind, components)| {
        let names = components.as_object().into_iter().flatten();
        names.map(move |(name, _)| format!("#/components/{kind}/{name}"))
    });
    all.filter(|component| !used.contains(component.as_str())).collect()
}

fn references<'a>(value: &'a Value, found: &mut BTreeSet<&'a str>) {
    match value {
        Value::Object(map) => {
            found.extend(map.get("$ref").and_then(Value::as_str));
            map.values().for_each(|value| references(value, found));
        }
        Value::Array(items) => items.iter().for_each(|value| references(value, found)),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
}
