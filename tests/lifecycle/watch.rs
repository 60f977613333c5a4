//! Are changed files noticed, however they are changed, and half-written ones not taken?

use std::fs;
use std::io::Write;
use std::os::unix::fs::symlink;

use crate::process::{Running, gateway};
use crate::world::{Served, World, replace};

const LIST: &str = "/list-participants";
const ON: &str = "id = \"team\"";
const OFF: &str = "id = \"team\"\ndisabled = true";

fn is_on(served: &Served) -> bool {
    served.call(LIST).status == 200
}

#[test]
fn a_file_that_is_renamed_written_over_or_removed_for_a_moment_is_read_again() {
    let world = World::new();
    let served = world.serve();
    let reloaded = || served.running.line_with("configuration reloaded");
    assert!(is_on(&served));
    world.write(&world.text(&[(ON, OFF)]));
    reloaded();
    assert!(!is_on(&served));
    fs::write(&world.path, world.text(&[])).unwrap();
    reloaded();
    assert!(is_on(&served));
    fs::remove_file(&world.path).unwrap();
    served.running.line_with("cannot read the configuration file");
    assert!(is_on(&served));
    assert_eq!(served.last_reload().as_deref(), Some("0"));
    fs::write(&world.path, world.text(&[(ON, OFF)])).unwrap();
    reloaded();
    assert!(!is_on(&served));
    assert_eq!(served.last_reload().as_deref(), Some("1"));
}

#[test]
fn a_file_is_read_only_when_its_writer_has_closed_it() {
    let world = World::new();
    let served = world.serve();
    // The gateway watches from here on, and does not look by itself for a while.
    world.write(&world.text(&[("one@example.org", "two@example.org")]));
    served.running.line_with("configuration reloaded");
    let text = world.text(&[(ON, OFF)]);
    let (half, rest) = text.split_at(text.len() - 40);
    let mut file = fs::File::create(&world.path).unwrap();
    file.write_all(half.as_bytes()).unwrap();
    file.sync_all().unwrap();
    // Another file wakes the gateway up; this one is not read for it.
    fs::write(world.folder.path().join("other"), "").unwrap();
    assert!(is_on(&served));
    file.write_all(rest.as_bytes()).unwrap();
    drop(file);
    served.running.line_with("configuration reloaded");
    assert!(!is_on(&served));
    assert_eq!(served.metric("heify_gateway_config_reload_failures_total").as_deref(), Some("0"));
}

#[test]
fn a_file_with_a_mistake_changes_nothing_until_it_is_mended() {
    let world = World::new();
    let served = world.serve();
    world.write(&world.text(&[(ON, "id = \"team\"\ndisabled = 1")]));
    let said = served.running.line_with("the configuration has a mistake");
    assert!(said.contains("tenants[0].disabled"), "{said}");
    assert!(is_on(&served));
    assert_eq!(served.last_reload().as_deref(), Some("0"));
    world.write(&world.text(&[(ON, OFF)]));
    served.running.line_with("configuration reloaded");
    assert!(!is_on(&served));
    // The same content once more is no change: the next word is about the next content.
    world.write(&world.text(&[(ON, OFF)]));
    world.write(&world.text(&[]));
    served.running.line_with("configuration reloaded");
    assert!(is_on(&served));
    assert_eq!(served.metric("heify_gateway_config_version").as_deref(), Some("3"));
}

#[test]
fn a_volume_of_kubernetes_is_followed_from_one_version_to_the_next() {
    let world = World::new();
    let volume = world.folder.path().join("volume");
    let version = |name: &str, text: &str| {
        fs::create_dir(volume.join(name)).unwrap();
        fs::write(volume.join(name).join("gateway.toml"), text).unwrap();
        fs::write(volume.join(name).join("heify"), crate::world::FIRST).unwrap();
        symlink(name, volume.join("..data_tmp")).unwrap();
        fs::rename(volume.join("..data_tmp"), volume.join("..data")).unwrap();
    };
    fs::create_dir(&volume).unwrap();
    version("..2026_1", &world.text(&[]));
    for file in ["gateway.toml", "heify"] {
        symlink(format!("..data/{file}"), volume.join(file)).unwrap();
    }
    let path = volume.join("gateway.toml");
    let arguments = ["serve", "-c", path.to_str().unwrap(), "--log-format", "json"];
    let served = Served::ready(Running::start(gateway(&arguments, &[])));
    assert!(is_on(&served));
    // Twice: the folder that was watched first is gone by then.
    for (name, old, text, on) in [
        ("..2026_2", "..2026_1", world.text(&[(ON, OFF)]), false),
        ("..2026_3", "..2026_2", world.text(&[]), true),
    ] {
        version(name, &text);
        fs::remove_dir_all(volume.join(old)).unwrap();
        served.running.line_with("configuration reloaded");
        assert_eq!(is_on(&served), on);
    }
}

#[test]
fn without_the_watch_only_a_signal_counts() {
    let world = World::new();
    let with = |change| world.text(&[("[records]", "[reload]\nwatch = false\n[records]"), change]);
    world.write(&with((ON, ON)));
    let served = world.serve();
    world.write(&with((ON, "id = \"team\"\ndisabled = 1")));
    replace(&world.key_file, "another-central-key");
    replace(&world.key_file, crate::world::FIRST);
    world.write(&with((ON, OFF)));
    assert!(is_on(&served));
    served.running.signal("HUP");
    served.running.line_with("configuration reloaded");
    assert!(!is_on(&served));
    assert_eq!(served.metric("heify_gateway_config_reload_failures_total").as_deref(), Some("0"));
}
