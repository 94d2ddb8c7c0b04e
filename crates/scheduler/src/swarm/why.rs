//! Why a task waits, in a sentence of a person.

use bollard::models::Task;

use super::task::trouble;

/// What the Swarm says of a task that it finds no host for; none while it has only just begun to look.
pub(super) fn waits(task: &Task) -> Option<String> {
    trouble(task).map(|words| sentence(words, &wish(task)))
}

/// `no suitable node (insufficient resources on 2 nodes; 1 node not available for new tasks)`: each part says
/// what is wrong with how many.
fn sentence(words: &str, wish: &str) -> String {
    let Some(parts) = words.strip_prefix("no suitable node (").and_then(|w| w.strip_suffix(')'))
    else {
        return words.to_owned();
    };
    let parts: Vec<String> = parts.split("; ").map(|part| reason(part, wish)).collect();
    format!("no host will do: {}", parts.join(", "))
}

fn reason(part: &str, wish: &str) -> String {
    let of = |count: &str| match count {
        "1" => "1 host".to_owned(),
        count => format!("{count} hosts"),
    };
    let count = part.split(' ').find(|word| word.bytes().all(|b| b.is_ascii_digit()));
    let hosts = of(count.unwrap_or("some"));
    if part.starts_with("insufficient resources") {
        format!("{hosts} without {wish} free")
    } else if part.starts_with("scheduling constraints not satisfied") {
        format!("{hosts} that [placement] leaves out or that shall not be used")
    } else if part.contains("not available for new tasks") {
        format!("{hosts} closed or down")
    } else if part.starts_with("host-mode port already in use") {
        format!("{hosts} with that port in use")
    } else if part.starts_with("unsupported platform") {
        format!("{hosts} of another platform than the image's")
    } else {
        part.to_owned()
    }
}

/// What a task wants of a host.
fn wish(task: &Task) -> String {
    let resources = task.spec.as_ref().and_then(|spec| spec.resources.as_ref());
    let wanted = resources.and_then(|resources| resources.reservations.as_ref());
    let cpus = wanted.and_then(|wanted| wanted.nano_cpus).filter(|cpus| *cpus > 0);
    let memory = wanted.and_then(|wanted| wanted.memory_bytes).filter(|memory| *memory > 0);
    let cpus = cpus.map(|nano| {
        let cpus = nano as f64 / 1e9;
        if nano == 1_000_000_000 { "1 CPU".to_owned() } else { format!("{cpus} CPUs") }
    });
    let memory = memory.and_then(|bytes| u64::try_from(bytes).ok());
    let memory = memory.map(|bytes| format!("{} of memory", launcher_model::Bytes(bytes)));
    let all: Vec<String> = cpus.into_iter().chain(memory).collect();
    if all.is_empty() { "what it needs".to_owned() } else { all.join(" and ") }
}

#[cfg(test)]
mod tests {
    use super::sentence;

    #[test]
    fn the_swarm_s_words_become_a_sentence() {
        let told = |words| sentence(words, "2 CPUs");
        assert_eq!(
            told("no suitable node (insufficient resources on 3 nodes)"),
            "no host will do: 3 hosts without 2 CPUs free"
        );
        assert_eq!(
            told(
                "no suitable node (1 node not available for new tasks; scheduling constraints not satisfied on 2 nodes)"
            ),
            "no host will do: 1 host closed or down, 2 hosts that [placement] leaves out or that shall not be used"
        );
        assert_eq!(told("something new"), "something new");
    }
}
