//! Evaluates intrinsic functions (`Ref`, `Fn::Sub`, ...) in the long form that [`super::yaml`] produces.
//!
//! Rules: <https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/intrinsic-function-reference.html>.

use std::collections::BTreeMap;

use anyhow::{Context, Result, bail};
use serde_json::{Map, Value as Json};

/// What `Ref` and `Fn::GetAtt` of one resource give on this machine.
#[derive(Debug, Clone)]
pub(super) struct Referable {
    /// The value of `Ref`.
    pub(super) reference: String,
    /// The values of `Fn::GetAtt`, by attribute.
    pub(super) attributes: BTreeMap<&'static str, String>,
}

/// Everything that an expression in a template may refer to.
#[derive(Debug, Default)]
pub(super) struct Scope {
    pub(super) parameters: BTreeMap<String, Json>,
    pub(super) conditions: Map<String, Json>,
    pub(super) mappings: Map<String, Json>,
    pub(super) resources: BTreeMap<String, Referable>,
}

impl Scope {
    /// The value of an expression; `None` is `AWS::NoValue`, which removes the property or list item.
    pub(super) fn resolve(&self, value: &Json) -> Result<Option<Json>> {
        match value {
            Json::Object(map) => match single_entry(map) {
                Some((name, argument)) if name == "Ref" || name.starts_with("Fn::") => {
                    self.call(name, argument).with_context(|| format!("in {value}"))
                }
                _ => self.resolve_map(map).map(Some),
            },
            Json::Array(items) => self.resolve_list(items).map(Some),
            plain => Ok(Some(plain.clone())),
        }
    }

    /// The text of an expression; numbers and flags are written out, as CloudFormation does.
    pub(super) fn text(&self, value: &Json) -> Result<String> {
        let resolved = self.resolve(value)?.with_context(|| format!("{value} has no value"))?;
        as_text(&resolved).with_context(|| format!("{value} is not text"))
    }

    /// Whether the named condition holds.
    pub(super) fn condition(&self, name: &str) -> Result<bool> {
        let expression =
            self.conditions.get(name).with_context(|| format!("there is no condition {name}"))?;
        self.truth(expression)
    }

    fn resolve_map(&self, map: &Map<String, Json>) -> Result<Json> {
        let mut resolved = Map::new();
        for (key, value) in map {
            if let Some(value) = self.resolve(value).with_context(|| format!("at {key}"))? {
                resolved.insert(key.clone(), value);
            }
        }
        Ok(Json::Object(resolved))
    }

    fn resolve_list(&self, items: &[Json]) -> Result<Json> {
        let mut resolved = Vec::with_capacity(items.len());
        for item in items {
            resolved.extend(self.resolve(item)?);
        }
        Ok(Json::Array(resolved))
    }

    fn call(&self, name: &str, argument: &Json) -> Result<Option<Json>> {
        Ok(Some(match name {
            "Ref" => return self.reference(argument.as_str().context("Ref takes a name")?),
            "Fn::GetAtt" => Json::String(self.attribute_of(argument)?),
            "Fn::Sub" => Json::String(self.substitute(argument)?),
            "Fn::Join" => {
                let [separator, items] = pair(argument)?;
                let items = self.list(items)?.iter().map(as_text).collect::<Result<Vec<_>>>()?;
                Json::String(items.join(&self.text(separator)?))
            }
            "Fn::Split" => {
                let [separator, text] = pair(argument)?;
                let (separator, text) = (self.text(separator)?, self.text(text)?);
                text.split(separator.as_str()).collect()
            }
            "Fn::Select" => {
                let [index, items] = pair(argument)?;
                let index: usize = self.text(index)?.parse().context("Fn::Select takes an index")?;
                self.list(items)?.into_iter().nth(index).context("Fn::Select is out of range")?
            }
            "Fn::If" => {
                let [condition, yes, no] = args(argument)?;
                let holds = self.condition(condition.as_str().context("Fn::If takes a condition's name")?)?;
                return self.resolve(if holds { yes } else { no });
            }
            "Fn::Equals" | "Fn::Not" | "Fn::And" | "Fn::Or" => Json::Bool(self.logic(name, argument)?),
            "Fn::FindInMap" => self.find_in_map(argument)?,
            other => bail!("{other} has no meaning on this machine"),
        }))
    }

    fn reference(&self, name: &str) -> Result<Option<Json>> {
        if name == "AWS::NoValue" {
            return Ok(None);
        }
        if let Some(value) = pseudo_parameter(name) {
            return Ok(Some(Json::String(value.to_owned())));
        }
        if let Some(value) = self.parameters.get(name) {
            return Ok(Some(value.clone()));
        }
        let resource = self.resources.get(name);
        let resource = resource.with_context(|| format!("{name} is neither a parameter nor a resource"))?;
        Ok(Some(Json::String(resource.reference.clone())))
    }

    fn attribute_of(&self, argument: &Json) -> Result<String> {
        let [id, attribute] = pair(argument)?;
        let id = id.as_str().context("Fn::GetAtt takes a resource's name")?;
        self.attribute(id, &self.text(attribute)?)
    }

    fn attribute(&self, id: &str, attribute: &str) -> Result<String> {
        let resource = self.resources.get(id).with_context(|| format!("there is no resource {id}"))?;
        let value = resource.attributes.get(attribute);
        value.cloned().with_context(|| format!("{id} has no attribute {attribute} on this machine"))
    }

    fn substitute(&self, argument: &Json) -> Result<String> {
        let (text, own) = match argument {
            Json::String(text) => (text.as_str(), None),
            Json::Array(parts) => {
                let text = parts.first().and_then(Json::as_str).context("Fn::Sub takes text first")?;
                (text, parts.get(1).and_then(Json::as_object))
            }
            _ => bail!("Fn::Sub takes text"),
        };
        let mut output = String::with_capacity(text.len());
        let mut rest = text;
        while let Some(start) = rest.find("${") {
            output.push_str(&rest[..start]);
            let after = &rest[start + 2..];
            let end = after.find('}').with_context(|| format!("`{text}` has no closing brace"))?;
            let name = after[..end].trim();
            match name.strip_prefix('!') {
                // `${!Literal}` is how CloudFormation writes `${Literal}` itself.
                Some(literal) => output.extend(["${", literal, "}"]),
                None => output.push_str(&self.variable(name, own)?),
            }
            rest = &after[end + 1..];
        }
        output.push_str(rest);
        Ok(output)
    }

    fn variable(&self, name: &str, own: Option<&Map<String, Json>>) -> Result<String> {
        if let Some(value) = own.and_then(|own| own.get(name)) {
            return self.text(value);
        }
        if let Some((id, attribute)) = name.split_once('.') {
            return self.attribute(id, attribute);
        }
        as_text(&self.reference(name)?.with_context(|| format!("{name} has no value"))?)
    }

    fn truth(&self, expression: &Json) -> Result<bool> {
        if let Some(map) = expression.as_object()
            && let Some((name, argument)) = single_entry(map)
        {
            return match name {
                "Condition" => self.condition(argument.as_str().context("Condition takes a name")?),
                _ => self.logic(name, argument),
            };
        }
        bail!("{expression} is not a condition")
    }

    fn logic(&self, name: &str, argument: &Json) -> Result<bool> {
        let items = argument.as_array().with_context(|| format!("{name} takes a list"))?;
        Ok(match name {
            "Fn::Equals" => {
                let [left, right] = pair(argument)?;
                self.text(left)? == self.text(right)?
            }
            "Fn::Not" => !self.truth(items.first().context("Fn::Not takes a condition")?)?,
            "Fn::And" => {
                items.iter().map(|item| self.truth(item)).collect::<Result<Vec<_>>>()?.iter().all(|t| *t)
            }
            "Fn::Or" => {
                items.iter().map(|item| self.truth(item)).collect::<Result<Vec<_>>>()?.iter().any(|t| *t)
            }
            other => bail!("{other} is not a condition"),
        })
    }

    fn find_in_map(&self, argument: &Json) -> Result<Json> {
        let [map, first, second] = args(argument)?;
        let (map, first, second) = (self.text(map)?, self.text(first)?, self.text(second)?);
        let found = self.mappings.get(&map).and_then(|m| m.get(&first)).and_then(|m| m.get(&second));
        found.cloned().with_context(|| format!("the mapping {map} has no {first}.{second}"))
    }

    fn list(&self, value: &Json) -> Result<Vec<Json>> {
        match self.resolve(value)? {
            Some(Json::Array(items)) => Ok(items),
            Some(Json::String(text)) => Ok(text.split(',').map(|item| Json::from(item.trim())).collect()),
            _ => bail!("{value} is not a list"),
        }
    }
}

/// Region, account and so on of the stack on this machine.
fn pseudo_parameter(name: &str) -> Option<&'static str> {
    Some(match name {
        "AWS::Region" => super::REGION,
        "AWS::AccountId" => super::ACCOUNT,
        "AWS::StackName" => "tidings",
        "AWS::StackId" => "arn:aws:cloudformation:us-east-1:000000000000:stack/tidings/local",
        "AWS::Partition" => "aws",
        "AWS::URLSuffix" => "amazonaws.com",
        _ => return None,
    })
}

fn single_entry(map: &Map<String, Json>) -> Option<(&str, &Json)> {
    let mut entries = map.iter();
    match (entries.next(), entries.next()) {
        (Some((name, value)), None) => Some((name, value)),
        _ => None,
    }
}

fn args<const N: usize>(argument: &Json) -> Result<[&Json; N]> {
    let items = argument.as_array().context("expected a list")?;
    let items: Vec<&Json> = items.iter().collect();
    let count = items.len();
    items.try_into().map_err(|_| anyhow::anyhow!("expected {N} arguments, found {count}"))
}

fn pair(argument: &Json) -> Result<[&Json; 2]> {
    args(argument)
}

pub(super) fn as_text(value: &Json) -> Result<String> {
    match value {
        Json::String(text) => Ok(text.clone()),
        Json::Number(number) => Ok(number.to_string()),
        Json::Bool(flag) => Ok(flag.to_string()),
        // `Ref` of a `CommaDelimitedList`, written into a text.
        Json::Array(items) => Ok(items.iter().map(as_text).collect::<Result<Vec<_>>>()?.join(",")),
        other => bail!("{other} is not text"),
    }
}

#[cfg(test)]
mod tests;
