use super::world::{World, not_found, run};

#[tokio::test]
async fn a_token_holds_for_the_folder_and_names_what_was_asked_for() {
    let world = World::start(|_| not_found()).await;
    let line = "token --org other --permissions members.view,messaging.send --sub ana --data";
    let words: Vec<&str> = line.split(' ').chain([world.folder()]).collect();
    let token = run(&words).await.good();
    let claims = world.keys().verify(token.trim()).unwrap();
    assert_eq!(claims["org_id"], "other");
    assert_eq!(claims["sub"], "ana");
    assert_eq!(claims["permissions"], "members.view messaging.send");
}
