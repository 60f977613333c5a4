//! A small supervisor, as systemd is one: it holds the listening socket and hears what is told.

use std::net::TcpListener;
use std::os::fd::OwnedFd;
use std::os::unix::net::UnixDatagram;
use std::process::{Command, Stdio};
use std::time::Duration;

use crate::process::{Running, text};
use crate::world::{Served, World};

/// Longer than anything takes on a busy machine.
const PATIENCE: Duration = Duration::from_secs(60);

pub(crate) struct Supervisor {
    socket: TcpListener,
    notify: UnixDatagram,
    notify_path: String,
}

impl Supervisor {
    pub(crate) fn new(world: &World) -> Self {
        let path = world.folder.path().join("notify");
        let notify = UnixDatagram::bind(&path).unwrap();
        notify.set_read_timeout(Some(PATIENCE)).unwrap();
        let socket = TcpListener::bind("127.0.0.1:0").unwrap();
        Self { socket, notify, notify_path: path.to_str().unwrap().to_owned() }
    }

    pub(crate) fn address(&self) -> String {
        self.socket.local_addr().unwrap().to_string()
    }

    /// Starts a gateway on the socket; it may wait for another one to end.
    pub(crate) fn start(&self, world: &World, watchdog: Option<Duration>) -> Running {
        // Only bash can say which process it will be: LISTEN_PID is the gateway's own.
        let run =
            r#"exec 3<&0 </dev/null; LISTEN_FDS=1 LISTEN_PID=$$ LISTEN_FDNAMES=data exec "$@""#;
        let mut command = Command::new("bash");
        command.args(["-c", run, "bash", env!("CARGO_BIN_EXE_heify-gateway"), "serve", "-c"]);
        command.arg(&world.path).args(["--log-format", "json"]).env_clear();
        command.env("NOTIFY_SOCKET", &self.notify_path);
        if let Some(watchdog) = watchdog {
            command.env("WATCHDOG_USEC", watchdog.as_micros().to_string());
        }
        let socket = OwnedFd::from(self.socket.try_clone().unwrap());
        Running::start_on(command, Stdio::from(socket))
    }

    /// Starts a gateway and waits until it is ready.
    pub(crate) fn serve(&self, world: &World) -> Served {
        let served = Served::ready(self.start(world, None));
        self.told("READY=1");
        assert_eq!(served.listen, self.address());
        served
    }

    /// Reads what the gateway says up to a message with this line; all lines of that message.
    pub(crate) fn told(&self, line: &str) -> Vec<String> {
        let mut buffer = [0; 4096];
        loop {
            let length = self.notify.recv(&mut buffer).unwrap();
            let lines: Vec<_> = text(&buffer[..length]).lines().map(str::to_owned).collect();
            if lines.iter().any(|told| told == line) {
                return lines;
            }
        }
    }
}
