//! Does `simulator` answer as it says, to the keys that it says?

use crate::process::{Running, Shell, commands, gateway, run, text};

const END: &str = "# Ctrl-C";

#[test]
fn the_printed_commands_do_what_they_say() {
    let simulator = Running::start(gateway(&["simulator", "--listen", "127.0.0.1:0"], &[]));
    let lines = simulator.read_until(END);
    let commands = commands(&lines);
    let [url, key, token, call, fault] = &commands[..] else { panic!("{commands:#?}") };
    let mut shell = Shell::start();
    for assignment in [url, key, token] {
        assert_eq!(shell.paste(assignment), "");
    }
    assert_eq!(shell.paste(call), r#"{"data":{"configurations":[]}}"#);
    assert_eq!(shell.paste(fault), r#"{"scripts":1}"#);
    let status = r#"curl -s -o /dev/null -w '%{http_code}' $url/submit -d '{}'"#;
    assert_eq!(shell.paste(status), "503");
    assert_eq!(shell.paste(status), "403");
    assert_eq!(simulator.end("TERM"), (Some(0), Vec::new()));
}

#[test]
fn what_is_given_holds() {
    let given = ["--key", "my-own-key", "--token", "my-own-token", "--minutes", "7"];
    let arguments = ["simulator", "--listen", "127.0.0.1:0", "--rates", "off"];
    let simulator = Running::start(gateway(&[&arguments[..], &given].concat(), &[]));
    let lines = simulator.read_until(END);
    for line in ["key=my-own-key", "token=my-own-token"] {
        assert!(lines.iter().any(|printed| printed == line), "{lines:#?}");
    }
    let url = lines.iter().find(|line| line.starts_with("url=")).unwrap();
    let mut shell = Shell::start();
    shell.paste(url);
    let account = "curl -s $url/_simulator/account -X PUT -H 'x-simulator-token: my-own-token' \
        -d '{}'";
    assert!(shell.paste(account).contains(r#""balance_millis":420000"#));
    let burst = "for n in 1 2 3 4 5; do curl -s -o /dev/null -w '%{http_code} ' \
        $url/list-participants -H 'x-api-key: my-own-key' -d '{}'; done";
    assert_eq!(shell.paste(burst), "200 200 200 200 200");
    assert_eq!(simulator.end("INT").0, Some(0));
}

#[test]
fn it_listens_on_loopback_only_and_says_so() {
    let output = run(&["simulator", "--listen", "0.0.0.0:0"], &[]);
    assert_eq!((output.status.code(), text(&output.stdout)), (Some(1), String::new()));
    assert!(text(&output.stderr).contains("expected a loopback address"), "{output:?}");
}

#[test]
fn an_address_in_use_is_named() {
    let held = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = held.local_addr().unwrap().to_string();
    let output = run(&["simulator", "--listen", &address], &[]);
    assert_eq!(output.status.code(), Some(1));
    assert!(text(&output.stderr).contains(&address), "{output:?}");
}

#[test]
fn a_key_that_no_shell_would_take_as_it_is_is_wrong_usage() {
    for key in ["", "two words", "a'b", "$HOME"] {
        let output = run(&["simulator", "--key", key], &[]);
        assert_eq!(output.status.code(), Some(2), "{key:?}");
    }
}
