//! What AWS asks, in dollars: the public prices of us-east-1 in November 2026, without free tiers and discounts. The one place that names them.

/// When and where the prices were read.
pub(super) const READ: &str = "us-east-1, November 2026";

/// A million write units of DynamoDB on demand (<https://aws.amazon.com/dynamodb/pricing/on-demand/>).
const WRITES: f64 = 0.625;
/// A million read units.
const READS: f64 = 0.125;
/// A million requests of SQS to a standard queue with message groups, which make it a fair queue (<https://aws.amazon.com/sqs/pricing/>).
const SQS: f64 = 0.40 + 0.10;
/// A million invocations of Lambda on arm64 (<https://aws.amazon.com/lambda/pricing/>).
const INVOCATIONS: f64 = 0.20;
/// A gigabyte-second of Lambda on arm64.
const GIGABYTE_SECOND: f64 = 0.000_013_333_4;
/// A million requests of an HTTP API (<https://aws.amazon.com/api-gateway/pricing/>).
const HTTP: f64 = 1.00;

/// What one message used of each, on average.
#[derive(Debug, Clone, Copy)]
pub(super) struct Use {
    pub(super) writes: f64,
    pub(super) reads: f64,
    pub(super) sqs: f64,
    pub(super) invocations: f64,
    pub(super) gigabyte_seconds: f64,
    pub(super) http: f64,
}

/// What a million of them cost, by service.
pub(super) fn per_million(used: Use) -> [(&'static str, f64); 4] {
    [
        ("dynamodb", used.writes * WRITES + used.reads * READS),
        ("sqs", used.sqs * SQS),
        ("lambda", used.invocations * INVOCATIONS + used.gigabyte_seconds * GIGABYTE_SECOND * 1e6),
        ("api_gateway", used.http * HTTP),
    ]
}
