use crate::stage::*;
use serde_json::json;
use std::time::Instant;
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn bench() {
    let folder = tempfile::tempdir().unwrap();
    let mut stage = Stage::open_in(Some(folder.path())).await;
    stage.running.behave(&json!({"provider":"twilio","callback":{"delay_ms":0}})).await;
    let t = Instant::now();
    let n = 10000usize;
    let c = 32usize;
    let r = &stage.running;
    let cb = format!("{}/status?m=abcdefabcdefabcdefabcdef#rc=5&rp=all", stage.hooks.url);
    let futs = (0..c).map(|k| { let cb = cb.clone(); async move {
        for i in 0..(n/c) {
            let to = format!("+4477{k:02}{i:05}9");
            r.sms(&[("To",&to),("From",NUMBER),("Body","Hi there, service is at 10"),("StatusCallback",&cb)]).await.unwrap();
        }
    }});
    futures_util::future::join_all(futs).await;
    let acc = t.elapsed();
    let mut got = 0;
    while got < (n/c*c)*2 { stage.hooks.take_path("/status").await; got += 1; }
    for t in std::fs::read_dir("/proc/self/task").unwrap() {
        let s = std::fs::read_to_string(t.unwrap().path().join("stat")).unwrap();
        let f: Vec<&str> = s.split(") ").nth(1).unwrap().split(' ').collect();
        println!("{} u{} s{}", s.split(')').next().unwrap(), f[11], f[12]);
    }
    println!("accepted {n} in {acc:?}; callbacks done {:?}", t.elapsed());
}
