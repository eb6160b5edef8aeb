//! What processes have used, by `/proc`.

/// Clock ticks in a second, the same on every Linux that Rust runs on.
const TICKS: f64 = 100.0;

/// Seconds of CPU that a process has used, with its children that have ended.
pub fn cpu_of(process: u32) -> f64 {
    let stat = std::fs::read_to_string(format!("/proc/{process}/stat")).unwrap_or_default();
    let behind = stat.rsplit(')').next().unwrap_or_default();
    let words: Vec<f64> = behind.split_whitespace().skip(11).take(4).filter_map(|word| word.parse().ok()).collect();
    words.iter().sum::<f64>() / TICKS
}

/// MiB of memory that a process has to itself, its proportional share of what it shares.
pub fn memory_of(process: u32) -> f64 {
    let field = |file: &str, name: &str| -> Option<f64> {
        let told = std::fs::read_to_string(format!("/proc/{process}/{file}")).ok()?;
        let line = told.lines().find_map(|line| line.strip_prefix(name))?;
        line.split_whitespace().next()?.parse().ok()
    };
    field("smaps_rollup", "Pss:").or_else(|| field("status", "VmRSS:")).unwrap_or(0.0) / 1024.0
}

/// Processes whose parent is another.
pub fn children_of(parent: u32) -> Vec<u32> {
    let processes = std::fs::read_dir("/proc").expect("/proc can be listed").flatten();
    let is_child = |id: &u32| {
        std::fs::read_to_string(format!("/proc/{id}/stat")).is_ok_and(|stat| {
            let behind = stat.rsplit(')').next().unwrap_or_default();
            behind.split_whitespace().nth(1) == Some(parent.to_string().as_str())
        })
    };
    processes.filter_map(|entry| entry.file_name().to_str()?.parse().ok()).filter(is_child).collect()
}
