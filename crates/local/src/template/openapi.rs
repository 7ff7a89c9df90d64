//! Routes, from the `OpenAPI` document that the HTTP API is built from.

use std::{path::Path, time::Duration};

use anyhow::{Context, Result};
use serde_json::Value as Json;

use super::{intrinsics::Scope, yaml};

/// One route of the HTTP API.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Route {
    /// The method in capitals; `None` is any.
    pub method: Option<String>,
    /// The path with `{parameters}` and at most one greedy `{parameter+}` at its end, or `$default`.
    pub path: String,
    /// Logical id of the function that answers.
    pub function: String,
    /// Whether the JWT authorizer stands before it.
    pub authorized: bool,
    /// How long the gateway waits for the function: at most 30 s.
    pub timeout: Duration,
}

impl Route {
    /// The method as a route key spells it.
    pub fn method_name(&self) -> &str {
        self.method.as_deref().unwrap_or("ANY")
    }
}

const METHODS: &[&str] = &["get", "put", "post", "delete", "options", "head", "patch"];
/// The most that API Gateway waits for an integration of an HTTP API.
const MAX_TIMEOUT: u64 = 30_000;

pub(super) fn read(folder: &Path, api: &Json, scope: &Scope) -> Result<Vec<Route>> {
    let document = document(folder, &api["Properties"], scope)?;
    let mut routes = Vec::new();
    for (path, operations) in document["paths"].as_object().context("the OpenAPI document has no paths")? {
        for (method, operation) in operations.as_object().into_iter().flatten() {
            let method = match method.as_str() {
                "x-amazon-apigateway-any-method" => None,
                known if METHODS.contains(&known) => Some(known.to_uppercase()),
                _ => continue,
            };
            let route = route(method, path, operation, &document);
            routes.push(route.with_context(|| format!("{path} of the OpenAPI document"))?);
        }
    }
    Ok(routes)
}

/// The document stands beside the template (`AWS::Include`, `DefinitionUri`) or inside it.
fn document(folder: &Path, properties: &Json, scope: &Scope) -> Result<Json> {
    let include = &properties["DefinitionBody"]["Fn::Transform"];
    let location = if include["Name"] == "AWS::Include" {
        &include["Parameters"]["Location"]
    } else {
        &properties["DefinitionUri"]
    };
    if location.is_null() {
        return Ok(properties["DefinitionBody"].clone());
    }
    let path = folder.join(scope.text(location)?);
    let text = std::fs::read_to_string(&path).with_context(|| format!("cannot read {}", path.display()))?;
    yaml::parse(&text).with_context(|| format!("in {}", path.display()))
}

fn route(method: Option<String>, path: &str, operation: &Json, document: &Json) -> Result<Route> {
    let integration = integration(operation, document);
    let function = function_of(&integration["uri"]).context("its integration names no function")?;
    // An operation without `security` has the document's; an empty list takes it away.
    let security = operation.get("security").unwrap_or(&document["security"]);
    let timeout = integration["timeoutInMillis"].as_u64().unwrap_or(MAX_TIMEOUT);
    Ok(Route {
        method,
        // API Gateway imports its catch-all route under this path.
        path: if path == "/$default" { "$default".to_owned() } else { path.to_owned() },
        function,
        authorized: security.as_array().is_some_and(|schemes| !schemes.is_empty()),
        timeout: Duration::from_millis(timeout.min(MAX_TIMEOUT)),
    })
}

/// An operation's integration, or the shared one that it refers to.
fn integration<'a>(operation: &'a Json, document: &'a Json) -> &'a Json {
    let own = &operation["x-amazon-apigateway-integration"];
    match own["$ref"].as_str().and_then(|reference| reference.strip_prefix('#')) {
        Some(pointer) => document.pointer(pointer).unwrap_or(&Json::Null),
        None => own,
    }
}

/// `arn:...:lambda:path/2015-03-31/functions/${CreateBulkAction.Arn}/invocations` names `CreateBulkAction`.
fn function_of(uri: &Json) -> Option<String> {
    let text = match uri {
        Json::String(text) => text.as_str(),
        Json::Object(_) => match &uri["Fn::Sub"] {
            Json::Array(parts) => parts.first()?.as_str()?,
            text => text.as_str()?,
        },
        _ => return None,
    };
    let names = text.split("${").skip(1).filter_map(|part| part.split_once('}'));
    names.filter_map(|(name, _)| name.strip_suffix(".Arn")).map(str::to_owned).next()
}

#[cfg(test)]
mod tests {
    use std::{collections::BTreeMap, path::PathBuf};

    use super::*;
    use crate::template::Template;

    const TEMPLATE: &str = "
Resources:
  Api:
    Type: AWS::Serverless::HttpApi
    Properties:
      DefinitionBody: {'Fn::Transform': {Name: AWS::Include, Parameters: {Location: openapi.yaml}}}
  Reader:
    Type: AWS::Serverless::Function
    Metadata: {BuildProperties: {Binary: reader}}";

    const DOCUMENT: &str = "
security: [{jwt: []}]
components:
  x-amazon-apigateway-integrations:
    reader:
      uri: {'Fn::Sub': 'arn:${AWS::Partition}:apigateway:x:lambda:path/functions/${Reader.Arn}/invocations'}
paths:
  /things/{id}:
    parameters: []
    get:
      x-amazon-apigateway-integration: {$ref: '#/components/x-amazon-apigateway-integrations/reader'}
  /hooks:
    post:
      security: []
      x-amazon-apigateway-integration:
        timeoutInMillis: 5000
        uri: !Sub 'x/${Reader.Arn}/invocations'
  /$default:
    x-amazon-apigateway-any-method:
      x-amazon-apigateway-integration: {$ref: '#/components/x-amazon-apigateway-integrations/reader'}";

    fn routes(document: &str) -> Result<Vec<Route>> {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("openapi.yaml"), document).unwrap();
        Template::parse(TEMPLATE, PathBuf::from(folder.path()), &BTreeMap::new()).unwrap().routes()
    }

    #[test]
    fn operations_become_routes_with_their_function_and_authorizer() {
        let routes = routes(DOCUMENT).unwrap();
        let seen: Vec<(&str, &str, bool, u128)> = routes
            .iter()
            .map(|r| (r.method_name(), r.path.as_str(), r.authorized, r.timeout.as_millis()))
            .collect();
        let expected = [
            ("ANY", "$default", true, 30_000),
            ("POST", "/hooks", false, 5_000),
            ("GET", "/things/{id}", true, 30_000),
        ];
        assert_eq!(seen, expected);
        assert!(routes.iter().all(|route| route.function == "Reader"));
    }

    #[test]
    fn a_route_to_something_that_is_no_function_is_an_error() {
        let error = routes(&DOCUMENT.replace("${Reader.Arn}/invocations'\n  /$", "${Writer.Arn}'\n  /$"));
        assert!(format!("{:#}", error.unwrap_err()).contains("Writer"));
    }
}
