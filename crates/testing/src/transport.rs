//! The SDKs' way to the engine without sockets: what they would put on the wire is handed to a [`Network`], which decides what becomes of it.

use std::fmt;
use std::sync::Arc;

use aws_sdk_dynamodb::config::{BehaviorVersion, Credentials, Region, StalledStreamProtectionConfig};
use aws_smithy_runtime_api::client::http::{
    HttpClient, HttpConnector, HttpConnectorFuture, HttpConnectorSettings, SharedHttpConnector,
};
use aws_smithy_runtime_api::client::orchestrator::{HttpRequest, HttpResponse};
use aws_smithy_runtime_api::client::result::ConnectorError;
use aws_smithy_runtime_api::client::runtime_components::RuntimeComponents;
use aws_smithy_runtime_api::http::StatusCode;
use aws_smithy_types::body::SdkBody;
use aws_smithy_types::retry::RetryConfig;
use engine::Answer;
use futures_util::FutureExt;
use futures_util::future::BoxFuture;
use local::provision::Clients;

/// The service that is called.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Service {
    /// DynamoDB.
    DynamoDb,
    /// SQS.
    Sqs,
}

/// One call of an API operation.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Call {
    /// The service.
    pub service: Service,
    /// The operation, e.g. `PutItem`.
    pub operation: String,
    /// The JSON body.
    pub body: String,
}

/// What a caller sees of a call that was not answered.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Silence {
    /// The connection did not stand: nothing was sent.
    NotReached,
    /// Nothing came back in time.
    TimedOut,
}

/// What lies between the SDKs and the engine.
pub trait Network: fmt::Debug + Send + Sync + 'static {
    /// Carries a call, or does not.
    fn carry(&self, call: Call) -> BoxFuture<'static, Result<Answer, Silence>>;
}

/// Clients that speak to `network`. They repeat nothing by themselves: where a repeat belongs to a test, its network makes it. Nor do they
/// watch how fast bytes move, for which they would look at the machine's own clock.
pub fn clients(network: &Arc<dyn Network>) -> Clients {
    let client = |service| Wire { service, network: Arc::clone(network) };
    let credentials = || Credentials::new("local", "local", None, None, "local");
    let dynamodb = aws_sdk_dynamodb::Config::builder()
        .behavior_version(BehaviorVersion::latest())
        .region(Region::new("us-east-1"))
        .credentials_provider(credentials())
        .endpoint_url("http://engine.test")
        .retry_config(RetryConfig::disabled())
        .stalled_stream_protection(StalledStreamProtectionConfig::disabled())
        .http_client(client(Service::DynamoDb));
    let sqs = aws_sdk_sqs::Config::builder()
        .behavior_version(aws_sdk_sqs::config::BehaviorVersion::latest())
        .region(Region::new("us-east-1"))
        .credentials_provider(credentials())
        .endpoint_url("http://engine.test")
        .retry_config(RetryConfig::disabled())
        .stalled_stream_protection(StalledStreamProtectionConfig::disabled())
        .http_client(client(Service::Sqs));
    Clients {
        dynamodb: aws_sdk_dynamodb::Client::from_conf(dynamodb.build()),
        sqs: aws_sdk_sqs::Client::from_conf(sqs.build()),
    }
}

/// One SDK's connection.
#[derive(Debug, Clone)]
struct Wire {
    service: Service,
    network: Arc<dyn Network>,
}

impl HttpClient for Wire {
    fn http_connector(&self, _: &HttpConnectorSettings, _: &RuntimeComponents) -> SharedHttpConnector {
        SharedHttpConnector::new(self.clone())
    }
}

impl HttpConnector for Wire {
    fn call(&self, request: HttpRequest) -> HttpConnectorFuture {
        let target = request.headers().get("x-amz-target").unwrap_or_default();
        let operation = target.rsplit('.').next().unwrap_or_default().to_owned();
        let body = request.body().bytes().unwrap_or_default();
        let body = String::from_utf8_lossy(body).into_owned();
        let carried = self.network.carry(Call { service: self.service, operation, body });
        HttpConnectorFuture::new_boxed(carried.map(response).boxed())
    }
}

fn response(carried: Result<Answer, Silence>) -> Result<HttpResponse, ConnectorError> {
    let answer = carried.map_err(|silence| match silence {
        Silence::NotReached => ConnectorError::io("the connection was refused".into()),
        Silence::TimedOut => ConnectorError::timeout("no answer came".into()),
    })?;
    let status = StatusCode::try_from(answer.status).map_err(|e| ConnectorError::other(e.into(), None))?;
    let mut response = HttpResponse::new(status, SdkBody::from(answer.body));
    if let Some(error) = answer.query_error {
        response.headers_mut().insert("x-amzn-query-error", error);
    }
    Ok(response)
}
