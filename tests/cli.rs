//! The real program from outside: exit codes, its one line of refusal, its first start, its end.

#[path = "cli/program.rs"]
mod program;

use std::fs;
use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::time::{Duration, Instant};

use program::{Desk, Finished, Server};

const REFUSED: i32 = 78;

/// One line on stderr that says `told`, exit code 78, and not a byte or a time changed.
#[track_caller]
fn assert_refused(desk: &Desk, arguments: &[&str], told: &str) {
    let before = desk.listing();
    let finished = desk.run(arguments);
    assert_eq!(finished.code, Some(REFUSED), "{finished:?}");
    assert_eq!(finished.stdout, "");
    assert_eq!(finished.stderr.lines().count(), 1, "{finished:?}");
    assert!(finished.stderr.contains(told), "{finished:?}");
    assert_eq!(desk.listing(), before, "something was touched");
}

#[test]
fn an_unknown_key_of_the_file_is_refused_by_its_line() {
    let desk = Desk::new();
    let file = desk.write("g.toml", "listen = '127.0.0.1:0'\nlisten_to = 3\n");
    assert_refused(&desk, &["--config", &file], "g.toml:2: unknown field `listen_to`");
    assert_refused(&desk, &["key", "list", "--config", &file], "unknown field `listen_to`");
    assert_refused(&desk, &["--config", "/nowhere/g.toml"], "cannot read /nowhere/g.toml");
}

#[test]
fn a_bad_address_is_refused() {
    let desk = Desk::new();
    assert_refused(&desk, &["--listen", "here"], "--listen: \"here\" is not an IP address");
    assert_refused(&desk, &["serve", "--listen", "127.0.0.1"], "is not an IP address");
    assert_refused(&desk, &["--listen", "192.0.2.1:80"], "cannot listen on 192.0.2.1:80");
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap().to_string();
    assert_refused(&desk, &["--listen", &address], &format!("cannot listen on {address}"));
}

#[test]
fn a_second_process_on_the_same_directory_is_refused() {
    let desk = Desk::new();
    let server = desk.start();
    let holder = format!("in use by another guildhall process (process {})", server.id());
    assert_refused(&desk, &["--listen", "127.0.0.1:0"], &holder);
    assert_eq!(server.terminate().code, Some(0));
}

#[test]
fn a_directory_of_a_newer_format_is_refused_by_both_versions() {
    let desk = Desk::new();
    fs::create_dir(desk.data_dir()).unwrap();
    desk.write("data/guildhall.format", "guildhall\nformat 9\n");
    let told = "holds format 9, this program knows formats up to 1";
    assert_refused(&desk, &["--listen", "127.0.0.1:0"], told);
    assert_refused(&desk, &["key", "list"], told);
}

#[test]
fn a_directory_without_its_journal_is_refused() {
    let desk = Desk::new();
    assert_eq!(desk.start().terminate().code, Some(0));
    fs::remove_dir_all(desk.data_dir().join("journal")).unwrap();
    assert_refused(&desk, &["--listen", "127.0.0.1:0"], "its journal is missing at");
}

#[test]
fn a_foreign_directory_is_refused() {
    let desk = Desk::new();
    fs::create_dir(desk.data_dir()).unwrap();
    desk.write("data/thesis.txt", "precious");
    assert_refused(&desk, &["--listen", "127.0.0.1:0"], "is not empty");
}

#[test]
fn keys_of_a_directory_that_is_not_there_are_refused() {
    let desk = Desk::new();
    assert_refused(&desk, &["key", "create"], "no data directory at");
    assert_refused(&desk, &["verify"], "no data directory at");
}

#[test]
fn the_first_start_shows_site_and_key_once() {
    let desk = Desk::new();
    let first = desk.start();
    let key = first.word_after("owner key").unwrap();
    let site = first.word_after("site").unwrap();
    assert!(key.starts_with("gh_") && key.len() == 59, "{key}");
    assert_eq!(site.len(), 36, "{site}");
    assert_eq!(first.terminate().code, Some(0));
    let second = desk.start();
    assert_eq!(second.word_after("owner key"), None);
    assert_eq!(second.terminate().code, Some(0));
    let sites = desk.run(&["site", "list"]);
    assert!(sites.stdout.starts_with(&format!("{site}  default  created ")), "{sites:?}");
    assert!(!desk.holds(&key), "the key is at rest");
}

#[test]
fn a_brought_key_and_site_id_are_used_and_the_key_is_not_shown() {
    const KEY: &str = "brought-by-the-operator-1";
    const SITE: &str = "11111111-2222-4333-8444-555555555555";
    let desk = Desk::new().with("GUILDHALL_OWNER_KEY", KEY).with("GUILDHALL_SITE_ID", SITE);
    let server = desk.start();
    assert_eq!(server.word_after("site").as_deref(), Some(SITE));
    assert!(!server.stdout().contains(KEY));
    assert_eq!(server.terminate().code, Some(0));
    assert!(desk.run(&["key", "list"]).stdout.contains("...or-1  live  owner"));
    assert!(!desk.holds(KEY));
    let short = Desk::new().with("GUILDHALL_OWNER_KEY", "hunter2");
    assert_refused(&short, &[], "GUILDHALL_OWNER_KEY: the key has fewer than 20 characters");
}

/// The same commands, with a server and without.
fn make_list_and_revoke_a_key(desk: &Desk) {
    let made = desk.run(&["key", "create", "--app", "blog", "--name", "one"]);
    assert_eq!(made.code, Some(0), "{made:?}");
    let key = made.stdout.trim_end();
    assert_eq!(key.len(), 59, "stdout is the key alone: {made:?}");
    let listed = desk.run(&["key", "list"]).stdout;
    let last_four = &key[55..];
    assert!(listed.contains(&format!("...{last_four}  live  app blog  one")), "{listed}");
    let revoked = desk.run(&["key", "revoke", &key[..25]]);
    assert!(revoked.stdout.contains(&format!("...{last_four}  revoked 2")), "{revoked:?}");
    let unknown = desk.run(&["key", "revoke", "00000000-0000-0000-0000-000000000001"]);
    assert_eq!((unknown.code, unknown.stdout.as_str()), (Some(1), ""), "{unknown:?}");
}

#[test]
fn keys_are_looked_after_with_and_without_a_server() {
    let desk = Desk::new();
    let server = desk.start();
    make_list_and_revoke_a_key(&desk);
    assert_eq!(server.terminate().code, Some(0));
    make_list_and_revoke_a_key(&desk);
}

#[test]
fn a_new_site_gets_an_owner_key_of_its_own() {
    let desk = Desk::new();
    let server = desk.start();
    let made = desk.run(&["site", "create", "second"]);
    assert!(made.stdout.contains("owner key  gh_"), "{made:?}");
    let ambiguous = desk.run(&["key", "create"]);
    assert!(ambiguous.stderr.contains("there are 2 sites: name one with --site"), "{ambiguous:?}");
    assert_eq!(server.terminate().code, Some(0));
    assert_eq!(desk.run(&["site", "list"]).stdout.lines().count(), 2);
}

#[test]
fn verify_finds_nothing_with_and_without_a_server() {
    let desk = Desk::new();
    let server = desk.start();
    let clean = |finished: Finished| {
        assert_eq!(finished.code, Some(0), "{finished:?}");
        assert!(finished.stdout.ends_with("no differences\n"), "{finished:?}");
    };
    clean(desk.run(&["verify"]));
    assert_eq!(server.terminate().code, Some(0));
    clean(desk.run(&["verify"]));
}

#[test]
fn the_line_on_stdout_means_that_it_is_ready() {
    let desk = Desk::new();
    let server = desk.start();
    assert!(server.get("/livez").starts_with("HTTP/1.1 200"));
    assert!(server.get("/readyz").starts_with("HTTP/1.1 200"));
    assert!(server.get("/metrics").contains("process_resident_memory_bytes "));
    assert_eq!(server.terminate().code, Some(0));
}

#[test]
fn a_disk_below_its_reserve_takes_no_changes_and_is_told() {
    let desk = Desk::new().with("GUILDHALL_OWNER_KEY", "brought-by-the-operator-1");
    let config = desk.write("g.toml", "[disk]\nreserve_bytes = 9223372036854775807\n");
    let server = desk.start_with(&["--config", &config]);
    let ready = server.get("/readyz");
    assert!(ready.starts_with("HTTP/1.1 503"), "{ready}");
    assert!(ready.contains("\"code\":\"NOT_READY\"") && ready.contains("DISK_FULL"), "{ready}");
    assert!(server.get("/livez").starts_with("HTTP/1.1 200"));
    let mut stream = TcpStream::connect(server.address).unwrap();
    let body = r#"{"member": {"loginEmail": "ann@example.com"}}"#;
    let request = format!(
        "POST /members/v1/members HTTP/1.1\r\nHost: here\r\nConnection: close\r\n\
         Authorization: brought-by-the-operator-1\r\nContent-Type: application/json\r\n\
         Content-Length: {}\r\n\r\n{body}",
        body.len()
    );
    stream.write_all(request.as_bytes()).unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    assert!(answer.starts_with("HTTP/1.1 507") && answer.contains("DISK_FULL"), "{answer}");
    assert_eq!(server.terminate().code, Some(0));
}

#[test]
fn a_server_that_drains_is_not_ready() {
    let desk = Desk::new();
    let server = desk.start();
    // A socket that does not answer its closing frame keeps the drain going for some seconds.
    let _lingering = live_socket(&server);
    let mut resting = server.rest();
    server.send("-TERM");
    let deadline = Instant::now() + Duration::from_secs(4);
    let answer = loop {
        resting.write_all(b"GET /readyz HTTP/1.1\r\nHost: here\r\n\r\n").unwrap();
        let mut answer = [0; 4_096];
        let bytes = resting.read(&mut answer).unwrap();
        let answer = String::from_utf8_lossy(&answer[..bytes]).into_owned();
        if !answer.starts_with("HTTP/1.1 200") {
            break answer;
        }
        assert!(Instant::now() < deadline, "still ready");
    };
    assert!(answer.starts_with("HTTP/1.1 503") && answer.contains("DRAINING"), "{answer}");
    assert_eq!(server.wait().code, Some(0));
}

#[test]
fn a_connection_that_rests_does_not_delay_the_end() {
    let desk = Desk::new();
    let server = desk.start();
    let _resting = server.rest();
    let asked = Instant::now();
    assert_eq!(server.terminate().code, Some(0));
    assert!(asked.elapsed() < Duration::from_secs(10), "{:?}", asked.elapsed());
}

fn live_socket(server: &Server) -> TcpStream {
    let mut socket = TcpStream::connect(server.address).unwrap();
    let head = "GET /connection/websocket HTTP/1.1\r\nHost: here\r\nConnection: Upgrade\r\n\
                Upgrade: websocket\r\nSec-WebSocket-Version: 13\r\n\
                Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n";
    socket.write_all(head.as_bytes()).unwrap();
    let mut answer = [0; 1_024];
    let bytes = socket.read(&mut answer).unwrap();
    assert!(answer[..bytes].starts_with(b"HTTP/1.1 101"), "no upgrade");
    socket
}

#[test]
fn a_live_socket_is_told_to_come_back_later() {
    let desk = Desk::new();
    let server = desk.start();
    let mut socket = live_socket(&server);
    server.send("-TERM");
    let mut frame = [0; 4];
    socket.read_exact(&mut frame).unwrap();
    // A close frame: its mark, its length, and the code for a shutdown.
    assert_eq!((frame[0], u16::from_be_bytes([frame[2], frame[3]])), (0x88, 3001), "{frame:?}");
    drop(socket);
    assert_eq!(server.wait().code, Some(0));
}

#[test]
fn a_second_signal_ends_at_once() {
    let desk = Desk::new();
    let server = desk.start();
    // A request that never ends keeps the drain waiting.
    let mut stuck = TcpStream::connect(server.address).unwrap();
    let key = server.word_after("owner key").unwrap();
    let head = format!(
        "POST /v1/member-tokens HTTP/1.1\r\nHost: here\r\nAuthorization: {key}\r\n\
         Content-Type: application/json\r\nContent-Length: 9\r\n\r\n{{"
    );
    stuck.write_all(head.as_bytes()).unwrap();
    let mut resting = server.rest();
    server.send("-TERM");
    // A connection without a request is closed when the drain begins.
    resting.read_to_end(&mut Vec::new()).unwrap();
    let asked = Instant::now();
    let finished = server.terminate();
    assert_eq!(finished.code, Some(0));
    assert!(finished.stderr.contains("stopped at once by a second signal"), "{finished:?}");
    assert!(asked.elapsed() < Duration::from_secs(10), "{:?}", asked.elapsed());
}

#[test]
fn a_killed_server_leaves_nothing_in_the_way_of_the_next() {
    let desk = Desk::new();
    desk.start().kill();
    assert_eq!(desk.run(&["key", "list"]).stdout.lines().count(), 1);
    let server = desk.start();
    assert_eq!(desk.run(&["key", "list"]).stdout.lines().count(), 1);
    assert_eq!(server.terminate().code, Some(0));
}
