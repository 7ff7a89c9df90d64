//! Reads `template.yaml` (AWS SAM) and tells what of it runs on this machine: functions, queues, tables, routes.
//!
//! Only what has a meaning here is evaluated. A resource type or property that this reader does not know is an
//! error, so that something new in the template is never silently missing from the local stack.

mod function;
mod intrinsics;
mod openapi;
mod queue;
mod resource;
mod table;
mod yaml;

use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
};

use anyhow::{Context, Result, ensure};
use serde_json::{Map, Value as Json};

pub use self::{
    function::{Function, QueueSource, ScheduleSource},
    openapi::Route,
    queue::{Queue, Redrive},
    table::{Index, Key, Table},
};
use self::{intrinsics::Scope, resource::Kind};

/// The AWS region that the local stack says it is in.
pub const REGION: &str = "us-east-1";
/// The AWS account that the local stack says it is.
pub const ACCOUNT: &str = "000000000000";

/// One template with its parameters filled in.
#[derive(Debug)]
pub struct Template {
    folder: PathBuf,
    globals: Json,
    /// Resources whose condition holds, by logical id.
    resources: BTreeMap<String, (Kind, Json)>,
    scope: Scope,
}

impl Template {
    /// Reads the template at `path`; `overrides` are values of parameters, and those of which the template knows
    /// nothing are left out.
    ///
    /// # Errors
    /// When the file cannot be read, is not a template, or holds a resource that has no known meaning.
    pub fn read(path: &Path, overrides: &BTreeMap<&str, String>) -> Result<Self> {
        let text =
            std::fs::read_to_string(path).with_context(|| format!("cannot read {}", path.display()))?;
        let folder = path.parent().unwrap_or(Path::new(".")).to_path_buf();
        Self::parse(&text, folder, overrides).with_context(|| format!("in {}", path.display()))
    }

    /// As [`Self::read`], from text; `folder` is where relative paths in it begin.
    ///
    /// # Errors
    /// As [`Self::read`].
    pub fn parse(text: &str, folder: PathBuf, overrides: &BTreeMap<&str, String>) -> Result<Self> {
        let document = yaml::parse(text)?;
        let section = |name: &str| document[name].as_object().cloned().unwrap_or_default();
        let mut scope = Scope {
            parameters: parameters(&section("Parameters"), overrides)?,
            conditions: section("Conditions"),
            mappings: section("Mappings"),
            resources: BTreeMap::new(),
        };
        let resources = active_resources(&section("Resources"), &scope)?;
        for (id, (kind, resource)) in &resources {
            let referable = kind.referable(id, resource, &scope).with_context(|| format!("resource {id}"))?;
            scope.resources.insert(id.clone(), referable);
        }
        Ok(Self { folder, globals: document["Globals"].clone(), resources, scope })
    }

    /// Tells what `Ref` of each queue gives: the URL that the engine answered, by logical id.
    pub fn set_queue_urls(&mut self, urls: &BTreeMap<String, String>) {
        for (id, url) in urls {
            if let Some(referable) = self.scope.resources.get_mut(id) {
                referable.reference.clone_from(url);
                referable.attributes.insert("QueueUrl", url.clone());
            }
        }
    }

    /// All queues, dead-letter queues included.
    ///
    /// # Errors
    /// When a queue has a property that this reader does not know, or one that does not evaluate.
    pub fn queues(&self) -> Result<Vec<Queue>> {
        self.of_kind(Kind::Queue, queue::read)
    }

    /// All tables.
    ///
    /// # Errors
    /// When a table has a property that this reader does not know, or one that does not evaluate.
    pub fn tables(&self) -> Result<Vec<Table>> {
        self.of_kind(Kind::Table, table::read)
    }

    /// All functions. `Ref` of a queue in their environment is what [`Self::set_queue_urls`] said.
    ///
    /// # Errors
    /// When a function has a property or event that this reader does not know, or one that does not evaluate.
    pub fn functions(&self) -> Result<Vec<Function>> {
        self.of_kind(Kind::Function, |id, resource, scope| {
            function::read(id, resource, &self.globals["Function"], scope)
        })
    }

    /// All routes of the HTTP API, from its `OpenAPI` document.
    ///
    /// # Errors
    /// When the document cannot be read or an operation has no function.
    pub fn routes(&self) -> Result<Vec<Route>> {
        let apis = self.of_kind(Kind::HttpApi, |_, resource, _| Ok(resource.clone()))?;
        let mut routes = Vec::new();
        for api in apis {
            routes.extend(openapi::read(&self.folder, &api, &self.scope)?);
        }
        for route in &routes {
            let known = matches!(self.resources.get(&route.function), Some((Kind::Function, _)));
            ensure!(
                known,
                "{} {} goes to {}, which is no function",
                route.method_name(),
                route.path,
                route.function
            );
        }
        Ok(routes)
    }

    fn of_kind<T>(&self, wanted: Kind, read: impl Fn(&str, &Json, &Scope) -> Result<T>) -> Result<Vec<T>> {
        let found = self.resources.iter().filter(|(_, (kind, _))| *kind == wanted);
        found
            .map(|(id, (_, resource))| {
                read(id, resource, &self.scope).with_context(|| format!("resource {id}"))
            })
            .collect()
    }
}

fn parameters(
    declared: &Map<String, Json>,
    overrides: &BTreeMap<&str, String>,
) -> Result<BTreeMap<String, Json>> {
    let mut values = BTreeMap::new();
    for (name, declaration) in declared {
        let given = overrides.get(name.as_str()).map(|value| Json::String(value.clone()));
        let value = given
            .or_else(|| declaration.get("Default").cloned())
            .with_context(|| format!("the parameter {name} has no default and is not given"))?;
        values.insert(name.clone(), value);
    }
    Ok(values)
}

fn active_resources(all: &Map<String, Json>, scope: &Scope) -> Result<BTreeMap<String, (Kind, Json)>> {
    ensure!(!all.is_empty(), "the template has no resources");
    let mut active = BTreeMap::new();
    for (id, resource) in all {
        if let Some(condition) = resource["Condition"].as_str()
            && !scope.condition(condition).with_context(|| format!("resource {id}"))?
        {
            continue;
        }
        let kind = Kind::of(resource);
        active.insert(id.clone(), (kind.with_context(|| format!("resource {id}"))?, resource.clone()));
    }
    Ok(active)
}

/// Refuses properties that are in neither list, by name.
fn check_properties(properties: &Json, known: &[&str]) -> Result<()> {
    let Some(map) = properties.as_object() else { return Ok(()) };
    let unknown: Vec<&str> = map.keys().map(String::as_str).filter(|key| !known.contains(key)).collect();
    ensure!(unknown.is_empty(), "the local stack does not know the property {}", unknown.join(", "));
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(text: &str) -> Result<Template> {
        Template::parse(text, PathBuf::from("."), &BTreeMap::from([("Stage", "local".to_owned())]))
    }

    #[test]
    fn an_unknown_resource_type_is_refused_by_name() {
        let error = parse("Resources: {Bus: {Type: 'AWS::Events::EventBus'}}").unwrap_err();
        let text = format!("{error:#}");
        assert!(text.contains("Bus") && text.contains("AWS::Events::EventBus"), "{text}");
    }

    #[test]
    fn an_unknown_property_of_a_queue_is_refused_by_name() {
        let template = parse("Resources: {Q: {Type: 'AWS::SQS::Queue', Properties: {Colour: red}}}").unwrap();
        let text = format!("{:#}", template.queues().unwrap_err());
        assert!(text.contains("Colour"), "{text}");
    }

    #[test]
    fn a_resource_whose_condition_fails_is_left_out() {
        let text = "
Parameters: {Stage: {Type: String}}
Conditions: {Live: !Equals [!Ref Stage, prod]}
Resources:
  A: {Type: 'AWS::SQS::Queue'}
  B: {Type: 'AWS::SQS::Queue', Condition: Live}";
        let names: Vec<String> = parse(text).unwrap().queues().unwrap().into_iter().map(|q| q.id).collect();
        assert_eq!(names, ["A"]);
    }

    #[test]
    fn a_parameter_without_value_is_an_error() {
        let text = "Parameters: {Domain: {Type: String}}\nResources: {A: {Type: 'AWS::SQS::Queue'}}";
        assert!(format!("{:#}", parse(text).unwrap_err()).contains("Domain"));
    }
}
