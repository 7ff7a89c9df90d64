//! The template's functions as pools of processes, with the queues and schedules that feed them.

use std::{
    collections::{BTreeMap, BTreeSet, HashMap},
    path::Path,
};

use anyhow::{Context, Result};

use crate::{
    data::DataFolder,
    functions::{Pool, Spec, Surroundings, worker_environment},
    poll::{Mapping, Poller},
    provision::Clients,
    schedule::Schedule,
    template::{ACCOUNT, Function, REGION, Template},
};

/// The most processes of a function that answer HTTP requests, by core: one that works while another waits. In AWS there is one machine per
/// process; here more would only take the cores, and what these have at hand, from each other.
const HTTP_PROCESSES_PER_CORE: usize = 2;
/// How much of a `MaximumConcurrency` takes one process for each core: this machine has less than AWS, but the template's proportions.
const CONCURRENCY_PER_PROCESS: usize = 10;

/// The template's functions with their pools.
pub(super) struct Functions(Vec<(Function, Pool)>);

impl Functions {
    pub(super) fn new(
        template: &Template,
        binaries: &Path,
        around: &Surroundings,
        data: &DataFolder,
    ) -> Result<Self> {
        let over_http: BTreeSet<String> =
            template.routes()?.into_iter().map(|route| route.function).collect();
        let functions = template.functions()?.into_iter().map(|function| {
            let spec = Spec {
                name: function.package.clone(),
                arn: function.arn(),
                binary: binaries.join(&function.package),
                environment: worker_environment(&function, around),
                timeout: function.timeout,
                memory_mb: function.memory_mb,
                maximum: maximum(&function, over_http.contains(&function.id)),
            };
            let pool = Pool::new(spec, &data.join("logs"))?;
            Ok((function, pool))
        });
        functions.collect::<Result<_>>().map(Self)
    }

    /// Starts one process of each, so that one that does not start is known at once. It is reported by its pool
    /// and keeps nothing else from starting.
    pub(super) async fn warm(&self) {
        let all = self.0.iter().map(|(_, pool)| pool.warm());
        drop(futures_util::future::join_all(all).await);
    }

    pub(super) fn pool(&self, id: &str) -> Option<Pool> {
        self.0.iter().find(|(function, _)| function.id == id).map(|(_, pool)| pool.clone())
    }

    pub(super) fn pollers(
        &self,
        template: &Template,
        clients: &Clients,
        urls: &BTreeMap<String, String>,
    ) -> Result<Vec<Poller>> {
        let queues = template.queues()?;
        let by_name: HashMap<&str, &str> =
            queues.iter().map(|queue| (queue.name.as_str(), queue.id.as_str())).collect();
        let mut pollers = Vec::new();
        for (function, pool) in &self.0 {
            for source in &function.queues {
                let id = by_name.get(source.queue.as_str());
                let url = id.and_then(|id| urls.get(*id));
                let url = url
                    .with_context(|| format!("{} polls {}, which is no queue", function.id, source.queue))?;
                pollers.push(Poller::start(Mapping {
                    client: clients.sqs.clone(),
                    queue_url: url.clone(),
                    queue_arn: format!("arn:aws:sqs:{REGION}:{ACCOUNT}:{}", source.queue),
                    concurrency: concurrency(source.max_concurrency).min(pool.maximum()),
                    source: source.clone(),
                    pool: pool.clone(),
                }));
            }
        }
        Ok(pollers)
    }

    pub(super) fn schedules(&self) -> Result<Vec<Schedule>> {
        let all =
            self.0.iter().flat_map(|(function, pool)| function.schedules.iter().map(move |s| (s, pool)));
        all.map(|(source, pool)| Schedule::start(source.clone(), pool.clone())).collect()
    }

    pub(super) fn pools(self) -> Vec<Pool> {
        self.0.into_iter().map(|(_, pool)| pool).collect()
    }
}

fn cores() -> usize {
    std::thread::available_parallelism().map_or(1, std::num::NonZero::get)
}

/// The most invocations at once from a queue for which the template allows so many.
fn concurrency(maximum: Option<u32>) -> usize {
    let maximum =
        maximum.and_then(|count| usize::try_from(count).ok()).unwrap_or(2 * CONCURRENCY_PER_PROCESS);
    (maximum * cores()).div_ceil(CONCURRENCY_PER_PROCESS).clamp(1, maximum.max(1))
}

/// The most processes of a function: room for each of its sources, unless the template reserves fewer.
fn maximum(function: &Function, over_http: bool) -> usize {
    let http = if over_http { HTTP_PROCESSES_PER_CORE * cores() } else { 0 };
    let queues: usize = function.queues.iter().map(|source| concurrency(source.max_concurrency)).sum();
    let all = (http + queues + function.schedules.len()).max(1);
    let reserved = function.reserved_concurrency.and_then(|count| usize::try_from(count).ok());
    reserved.map_or(all, |reserved| all.min(reserved.max(1)))
}
