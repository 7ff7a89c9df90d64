"""Translates template.yaml as the SAM service does at deployment, which `sam validate` does not: it sees what the OpenAPI document is included
as, names that SAM gives to what it generates, whether both files speak of the same functions, and the profile they are built with. Needs no account.

Usage: check_template.py [folder of template.yaml]; exit status 1 and a sentence if something does not hold.
"""

import re
import sys
from pathlib import Path

import boto3
import tomlkit
from openapi_spec_validator import validate
from samcli.yamlhelper import yaml_parse
from samtranslator.model.exceptions import InvalidDocumentException
from samtranslator.parser.parser import Parser
from samtranslator.translator.translator import Translator

HTTP_METHODS = {"get", "put", "post", "delete", "patch", "head", "options"}


def operations(document):
    """Every operation with its path, the catch-all route among them."""
    for path, item in document["paths"].items():
        for method, operation in item.items():
            if method in HTTP_METHODS or method == "x-amazon-apigateway-any-method":
                yield f"{method.upper()} {path}", operation


def check_openapi(document, functions):
    """Faults that an OpenAPI validator knows nothing of."""
    if not str(document["openapi"]).startswith("3.0."):
        yield "API Gateway imports OpenAPI 3.0 only"
    integrations = document["components"]["x-amazon-apigateway-integrations"]
    for name, operation in operations(document):
        if "security" not in operation:
            yield f"{name}: no security of its own; API Gateway would leave it open"
        integration = operation["x-amazon-apigateway-integration"]["$ref"].rsplit("/", 1)[-1]
        if integration not in integrations:
            yield f"{name}: there is no integration {integration}"
    for name, integration in integrations.items():
        function = re.search(r"\$\{(\w+)\.Arn\}", integration["uri"]["Fn::Sub"]).group(1)
        if function not in functions:
            yield f"integration {name}: template.yaml has no function {function}"


def check_profile(cargo):
    """SAM cannot name a cargo profile; cargo-lambda takes it from here. Its own release settings would abort on a panic."""
    build = cargo["workspace"].get("metadata", {}).get("lambda", {}).get("build", {})
    if build.get("profile") != "lambda":
        yield 'Cargo.toml: [workspace.metadata.lambda.build] must say profile = "lambda"'


def translate(template):
    """The CloudFormation template that would be deployed."""
    for resource in template["Resources"].values():
        if resource["Type"] == "AWS::Serverless::Function":
            # What `sam deploy` puts in place of the folder.
            resource["Properties"]["CodeUri"] = "s3://bucket/key"
    session = boto3.Session(region_name="us-east-1")
    return Translator({}, Parser(), boto_session=session).translate(template, {})


def main(root):
    template = yaml_parse((root / "template.yaml").read_text())
    api = template["Resources"]["Api"]["Properties"]
    location = api["DefinitionBody"]["Fn::Transform"]["Parameters"]["Location"]
    document = yaml_parse((root / location).read_text())

    validate(document)
    functions = {name for name, it in template["Resources"].items() if it["Type"] == "AWS::Serverless::Function"}
    faults = list(check_openapi(document, functions))
    faults += check_profile(tomlkit.parse((root / "Cargo.toml").read_text()))
    api["DefinitionBody"] = document
    try:
        deployed = translate(template)
    except InvalidDocumentException as error:
        faults += [cause.message for cause in error.causes]
    if faults:
        sys.exit("\n".join(faults))
    print(f"{len(deployed['Resources'])} resources, {len(list(operations(document)))} routes: the template can be deployed")


if __name__ == "__main__":
    main(Path(sys.argv[1] if len(sys.argv) > 1 else "."))
