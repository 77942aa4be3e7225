//! How it begins and ends.

use std::net::TcpListener;
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::{Instant, sleep};
use unseen_listener::{Event, Limits, ListenError, Listener, Shutdown, Wire};

use crate::support::{SOON, Server, Service, answer, closes, h2_client, h2_get, limits};

#[tokio::test(flavor = "multi_thread")]
async fn what_is_under_way_is_finished() {
    let mut server = Server::start(limits());
    let mut idle = server.client().connect().await.unwrap();
    let _mute = TcpStream::connect(server.address).await.unwrap();
    let mut slow = server.client().connect().await.unwrap();
    let mut h2 = h2_client(server.client().by_h2().connect().await.unwrap()).await.unwrap();
    assert!(h2_get(&mut h2, "/who").await.is_some());
    slow.write_all(b"GET /slow HTTP/1.1\r\nhost: a\r\n\r\n").await.unwrap();
    let h2_slow = tokio::spawn(async move { h2_get(&mut h2, "/slow").await });
    sleep(Duration::from_millis(100)).await;

    let begun = Instant::now();
    server.begin_to_end();
    assert!(closes(&mut idle, SOON).await);
    assert_eq!(answer(&mut slow).await, Some((200, "slow".to_owned())));
    assert_eq!(h2_slow.await.unwrap(), Some((200, "slow".to_owned())));
    assert!(closes(&mut slow, SOON).await);
    let address = server.address;
    server.ended().await;
    assert!(begun.elapsed() < Duration::from_secs(5), "{:?}: nobody was waited for in vain", begun.elapsed());
    assert!(TcpStream::connect(address).await.is_err());
}

/// Who starts two, and reads where they are, has to know which is which.
#[tokio::test]
async fn listeners_say_where_they_are_in_the_order_in_which_they_start() {
    let (tell, told) = std::sync::mpsc::channel();
    for _ in 0..2 {
        let listener =
            Listener::new(vec![TcpListener::bind("127.0.0.1:0").unwrap()], Wire::Plain, Limits::default()).unwrap();
        let (open, tell) = (Event::Open(listener.addresses()[0]).line().to_string(), tell.clone());
        let (_stop, shutdown) = Shutdown::on_drop();
        let _never_waited_for =
            listener.serve(Service, shutdown, move |event| tell.send(event.line().to_string()).unwrap()).unwrap();
        assert_eq!(told.try_recv().as_deref(), Ok(open.as_str()));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_never_ends_is_cut_off() {
    let mut server = Server::start(Limits { farewell: Duration::from_millis(200), ..limits() });
    let mut endless = server.client().connect().await.unwrap();
    endless.write_all(b"GET /endless HTTP/1.1\r\nhost: a\r\n\r\n").await.unwrap();
    endless.read_u8().await.unwrap();
    server.begin_to_end();
    assert!(closes(&mut endless, SOON).await);
    server.told("cut off").await;
    server.ended().await;
}

#[test]
fn without_tls_only_this_machine_is_listened_to() {
    let plain = |at: &str| Listener::new(vec![TcpListener::bind(at).unwrap()], Wire::Plain, Limits::default());
    for at in ["127.0.0.1:0", "127.1.2.3:0"] {
        assert!(plain(at).is_ok(), "{at}");
    }
    for at in ["0.0.0.0:0", "[::]:0"] {
        assert!(matches!(plain(at), Err(ListenError::Open(_))), "{at}");
    }
    assert!(matches!(Listener::new(vec![], Wire::Plain, Limits::default()), Err(ListenError::Nowhere)));
}
