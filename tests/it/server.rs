//! The embedded server: it starts, answers, is shared, and leaves nothing behind.

use std::env;
use std::fs::{self, Permissions};
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use diesel::connection::SimpleConnection;
use diesel::{Connection, PgConnection};
use nix::sys::signal::{Signal, killpg};
use nix::unistd::{Pid, geteuid};
use tempfile::TempDir;
use tenantize::server::{Server, ServerError, ServerOptions, SharedServer, shared};

/// A child process of a test runs the same test, and finds the test's directory here.
const CHILD: &str = "TENANTIZE_TEST_CHILD";
const LINGER: Duration = Duration::from_secs(1);

/// A directory for servers and one for notes between processes.
struct Scene(TempDir);

impl Scene {
    fn new() -> Self {
        let directory = tempfile::Builder::new().prefix("tnz-it-").permissions(open_to_all()).tempdir_in("/tmp").unwrap();
        fs::set_permissions(directory.path(), open_to_all()).unwrap();
        let servers = directory.path().join("servers");
        fs::create_dir(&servers).unwrap();
        fs::set_permissions(servers, open_to_all()).unwrap();
        Self(directory)
    }

    fn options(&self) -> ServerOptions {
        options_in(self.0.path())
    }

    fn path(&self, note: &str) -> PathBuf {
        self.0.path().join(note)
    }

    /// Runs `test` once more in a process of its own, as the leader of a process group.
    fn child(&self, test: &str) -> Command {
        let mut command = Command::new(env::current_exe().unwrap());
        command.args(["--exact", &format!("server::{test}")]).env(CHILD, self.0.path());
        command.process_group(0).stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
        command
    }

    fn wait_until_nothing_is_left(&self, after: &str) {
        let begun = Instant::now();
        let left = || {
            let directories = fs::read_dir(self.path("servers")).unwrap().count();
            directories > 0 || !processes_of(self.0.path()).is_empty()
        };
        while left() {
            let processes = processes_of(self.0.path());
            assert!(begun.elapsed() < Duration::from_secs(10), "still there after {after}: {processes:?}");
            thread::sleep(Duration::from_millis(10));
        }
    }

    fn wait_for_note(&self, note: &str) -> String {
        let begun = Instant::now();
        loop {
            match fs::read_to_string(self.path(note)) {
                Ok(text) if text.ends_with('\n') => return text.trim_end().to_owned(),
                _ => assert!(begun.elapsed() < Duration::from_secs(30), "no {note} from the child"),
            }
            thread::sleep(Duration::from_millis(5));
        }
    }
}

fn open_to_all() -> Permissions {
    Permissions::from_mode(0o1777)
}

fn options_in(scene: &Path) -> ServerOptions {
    ServerOptions { parent: Some(scene.join("servers")), ..ServerOptions::default() }
}

/// Returns the scene's directory in a child process, nothing in the test itself.
fn scene_of_parent() -> Option<PathBuf> {
    env::var_os(CHILD).map(PathBuf::from)
}

fn leave_note(scene: &Path, note: &str, text: &str) {
    fs::write(scene.join(note), format!("{text}\n")).unwrap();
}

/// Returns the command lines that name `directory`; where the system has no /proc the directory alone must do.
fn processes_of(directory: &Path) -> Vec<String> {
    let name = directory.to_str().unwrap();
    let processes = fs::read_dir("/proc").into_iter().flatten().flatten();
    let lines = processes.filter_map(|process| fs::read_to_string(process.path().join("cmdline")).ok());
    lines.filter(|line| line.contains(name)).collect()
}

fn answers(url: &str) -> bool {
    PgConnection::establish(url).is_ok_and(|mut conn| conn.batch_execute("SELECT 1").is_ok())
}

fn shared_in(scene: &Path) -> SharedServer {
    let options = ServerOptions { linger: LINGER, ..options_in(scene) };
    shared(&scene.join("state"), &options).unwrap()
}

fn forever() -> ! {
    loop {
        thread::sleep(Duration::from_hours(1));
    }
}

fn end(mut child: Child, signal: Signal) {
    killpg(Pid::from_raw(i32::try_from(child.id()).unwrap()), signal).unwrap();
    child.wait().unwrap();
}

#[test]
fn a_server_starts_answers_and_is_gone_after_drop() {
    let scene = Scene::new();
    let server = Server::start(&scene.options()).unwrap();
    let mut conn = PgConnection::establish(&server.url("postgres")).unwrap();
    conn.batch_execute("CREATE DATABASE \"my db\"").unwrap();
    assert!(answers(&server.url("my db")));
    assert!(server.version().starts_with(|c: char| c.is_ascii_digit()), "{}", server.version());
    assert_eq!(fs::metadata(server.directory()).unwrap().mode() & 0o777, 0o700);

    let directory = server.directory().to_owned();
    server.stop();
    assert!(!directory.exists());
    scene.wait_until_nothing_is_left("drop, with a connection open");
}

#[test]
fn settings_of_the_caller_win() {
    let scene = Scene::new();
    let settings = vec![("max_connections".to_owned(), "17".to_owned())];
    let server = Server::start(&ServerOptions { settings, ..scene.options() }).unwrap();
    let mut conn = PgConnection::establish(&server.url("postgres")).unwrap();
    let given = "DO $$ BEGIN ASSERT current_setting('max_connections') = '17'; END $$";
    conn.batch_execute(given).unwrap();
}

#[test]
fn the_server_never_runs_as_root() {
    let scene = Scene::new();
    let server = Server::start(&scene.options()).unwrap();
    let owner = fs::metadata(server.directory()).unwrap().uid();
    if geteuid().is_root() {
        assert_ne!(owner, 0);
    } else {
        assert_eq!(owner, geteuid().as_raw());
    }
}

#[test]
fn nothing_is_left_after_any_signal_at_any_moment() {
    const NAME: &str = "nothing_is_left_after_any_signal_at_any_moment";
    if let Some(scene) = scene_of_parent() {
        let _server = Server::start(&options_in(&scene)).unwrap();
        forever();
    }
    let scene = Scene::new();
    // before the directory is there, during initdb, during the start, after it
    for wait in [1, 10, 50, 200, 400, 600, 800, 1000] {
        let signal = if wait % 400 == 0 { Signal::SIGINT } else { Signal::SIGKILL };
        let child = scene.child(NAME).spawn().unwrap();
        thread::sleep(Duration::from_millis(wait));
        end(child, signal);
        scene.wait_until_nothing_is_left(&format!("{signal} at {wait} ms"));
    }
}

#[test]
fn nothing_is_left_after_kill_while_the_server_works() {
    const NAME: &str = "nothing_is_left_after_kill_while_the_server_works";
    if let Some(scene) = scene_of_parent() {
        let server = Server::start(&options_in(&scene)).unwrap();
        let mut conn = PgConnection::establish(&server.url("postgres")).unwrap();
        leave_note(&scene, "started", "");
        conn.batch_execute("CREATE TABLE big AS SELECT generate_series(1, 1000000000)").unwrap();
    }
    let scene = Scene::new();
    let child = scene.child(NAME).spawn().unwrap();
    scene.wait_for_note("started");
    thread::sleep(Duration::from_millis(200));
    end(child, Signal::SIGKILL);
    scene.wait_until_nothing_is_left("SIGKILL during a long statement");
}

#[test]
fn a_second_process_joins_and_keeps_the_shared_server() {
    const NAME: &str = "a_second_process_joins_and_keeps_the_shared_server";
    if let Some(scene) = scene_of_parent() {
        let server = shared_in(&scene);
        leave_note(&scene, "joined", server.directory().to_str().unwrap());
        forever();
    }
    let scene = Scene::new();
    let server = shared_in(scene.0.path());
    let child = scene.child(NAME).spawn().unwrap();
    assert_eq!(scene.wait_for_note("joined"), server.directory().to_str().unwrap());

    let url = server.url("postgres");
    drop(server);
    thread::sleep(LINGER + Duration::from_millis(500));
    assert!(answers(&url), "the starter is gone, the other still holds it");
    end(child, Signal::SIGKILL);
    scene.wait_until_nothing_is_left("the end of the last holder");
}

#[test]
fn a_shared_server_outlives_the_gap_between_two_holders() {
    let scene = Scene::new();
    let first = shared_in(scene.0.path());
    let directory = first.directory().to_owned();
    drop(first);
    thread::sleep(Duration::from_millis(300));
    let second = shared_in(scene.0.path());
    assert_eq!(second.directory(), directory);
    assert!(answers(&second.url("postgres")));
    drop(second);
    scene.wait_until_nothing_is_left("the linger");

    let third = shared_in(scene.0.path());
    assert_ne!(third.directory(), directory);
    assert!(answers(&third.url("postgres")));
    drop(third);
    scene.wait_until_nothing_is_left("the second server's linger");
}

#[test]
fn who_comes_at_the_same_time_shares_one_server() {
    let scene = Scene::new();
    let servers: Vec<_> = thread::scope(|scope| {
        let threads: Vec<_> = (0..6).map(|_| scope.spawn(|| shared_in(scene.0.path()))).collect();
        threads.into_iter().map(|thread| thread.join().unwrap()).collect()
    });
    assert!(servers.iter().all(|server| server.directory() == servers[0].directory()));
    drop(servers);
    scene.wait_until_nothing_is_left("the end of six holders");
}

#[test]
fn a_dead_shared_server_is_replaced() {
    let scene = Scene::new();
    let first = shared_in(scene.0.path());
    let state = fs::read_to_string(first.directory().join("data/postmaster.pid")).unwrap();
    let postmaster = Pid::from_raw(state.lines().next().unwrap().parse().unwrap());
    nix::sys::signal::kill(postmaster, Signal::SIGKILL).unwrap();
    while !first.directory().join("exit").exists() {
        thread::sleep(Duration::from_millis(10));
    }
    let second = shared_in(scene.0.path());
    assert_ne!(first.directory(), second.directory());
    assert!(answers(&second.url("postgres")));
    drop((first, second));
    scene.wait_until_nothing_is_left("a crash");
}

#[test]
fn missing_programs_are_named_with_the_cure() {
    const NAME: &str = "missing_programs_are_named_with_the_cure";
    if let Some(scene) = scene_of_parent() {
        let error = Server::start(&options_in(&scene)).unwrap_err();
        leave_note(&scene, "error", &error.to_string());
        return;
    }
    let scene = Scene::new();
    let begun = Instant::now();
    let mut child = scene.child(NAME).env("TENANTIZE_PG_BIN", "/nonexistent").spawn().unwrap();
    child.wait().unwrap();
    let error = scene.wait_for_note("error");
    assert!(begun.elapsed() < Duration::from_secs(2), "nothing is tried for long");
    for part in ["TENANTIZE_PG_BIN is /nonexistent", "apt install postgresql", "brew install postgresql@17"] {
        assert!(error.contains(part), "{error}");
    }
}

#[test]
fn a_version_that_is_not_there_is_named_with_those_that_are() {
    let error = Server::start(&ServerOptions { major: Some(7), ..ServerOptions::default() }).unwrap_err().to_string();
    assert!(error.contains('7') && error.contains("TENANTIZE_PG_BIN") && error.contains("install postgresql"), "{error}");
}

#[test]
fn a_failed_start_shows_the_servers_own_words_and_leaves_nothing() {
    let scene = Scene::new();
    let settings = vec![("shared_buffers".to_owned(), "plenty".to_owned())];
    let error = Server::start(&ServerOptions { settings, ..scene.options() }).unwrap_err();
    assert!(matches!(error, ServerError::NotReady { .. }), "{error}");
    assert!(error.to_string().contains("shared_buffers"), "{error}");
    scene.wait_until_nothing_is_left("a failed start");
}

#[test]
fn a_parent_in_which_the_servers_user_cannot_write_is_named() {
    let scene = Scene::new();
    let parent = Some(scene.path("missing"));
    let error = Server::start(&ServerOptions { parent, ..ServerOptions::default() }).unwrap_err();
    assert!(matches!(error, ServerError::Directory { .. }), "{error}");
    assert!(error.to_string().contains("missing/tnz-"), "{error}");
}
