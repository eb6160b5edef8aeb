//! Runs that end at any point, and what is in the way.

use std::collections::BTreeMap;

use sha2::{Digest, Sha256};

use super::*;
use crate::bulk::chunk::{Chunk, Letter, Made};
use crate::document::Language;

const IDENTITY: &str = "a mailing";

/// A folder of one test, which is empty.
fn place(name: &str) -> PathBuf {
    let folder = std::env::temp_dir().join(format!("skoledok-output-{}-{name}", std::process::id()));
    drop(fs::remove_dir_all(&folder));
    fs::create_dir_all(&folder).expect("a folder can be made");
    folder
}

/// Two letters with a protected address: such are in no print file, so they need not be PDF.
fn spool(folder: &Path, output: &Output) -> Spool {
    let outcome = |number: u64| Outcome {
        number,
        entry: number,
        row: 2,
        key: format!("k{number}"),
        decision: "letter".to_owned(),
        follows: None,
        notes: vec!["protected_address".to_owned()],
        is_protected: true,
        result: Made::Letter(Letter {
            language: Language::Nb,
            pages: 1,
            digest: Sha256::digest(b"letter").into(),
            place: (0, 6),
        }),
    };
    let chunk = Chunk { outcomes: vec![outcome(1), outcome(2)], documents: b"letter".to_vec() };
    let spool = Spool::open(&part(folder, output), IDENTITY).expect("the place is free");
    spool.keep(1, &chunk).expect("a chunk can be kept");
    spool
}

fn part(folder: &Path, output: &Output) -> PathBuf {
    folder.join(beside(&output.path, ".part").file_name().expect("it has a name"))
}

fn write(spool: &Spool, output: &Output) -> Result<Counts, OutputError> {
    write_of(spool, output, &[Some(1), None])
}

fn write_of(spool: &Spool, output: &Output, chunks: &[Option<u64>]) -> Result<Counts, OutputError> {
    let date = Date::parse("2026-11-20").expect("a date");
    let (there, arrived) = std::sync::mpsc::channel();
    for chunk in chunks {
        there.send(*chunk).expect("it is waited for");
    }
    drop(there);
    output.write(&Finished { spool, chunks: arrived, identity: IDENTITY, locale: Locale::Nb, date }, &mut |_| ())
}

/// What `skoledok bulk` does.
fn run(folder: &Path, output: &Output) -> Result<Counts, OutputError> {
    let counts = if let Some(counts) = output.resume(IDENTITY)? {
        counts
    } else {
        output.look()?;
        write(&spool(folder, output), output)?
    };
    let spool = Spool::open(&part(folder, output), IDENTITY).expect("it is ours");
    spool.remove().expect("it can be removed");
    output.end()?;
    Ok(counts)
}

/// Every file below a folder with its contents.
fn files(folder: &Path) -> BTreeMap<PathBuf, Vec<u8>> {
    let mut found = BTreeMap::new();
    for name in names_in(folder).expect("it can be read") {
        let path = folder.join(&name);
        if path.is_dir() {
            let inner = files(&path);
            found.insert(name.clone().into(), Vec::new());
            found.extend(inner.into_iter().map(|(inner, bytes)| (Path::new(&name).join(inner), bytes)));
        } else {
            found.insert(name.into(), fs::read(path).expect("it can be read"));
        }
    }
    found
}

/// Every state in which a run that ends at some point leaves what is written, each in a folder of its own.
fn interrupted(name: &str, output: &str) -> Vec<(PathBuf, Output)> {
    let mut states = Vec::new();
    let mut state = |step: &str, leave: &dyn Fn(&Path, &Output)| {
        let folder = place(&format!("{name}-{step}"));
        let output = Output::new(&folder.join(output), false, 10);
        leave(&folder, &output);
        states.push((folder, output));
    };
    let written = |folder: &Path, output: &Output| {
        write(&spool(folder, output), output).expect("it is free");
    };
    let back = |output: &Output| {
        let bytes = fs::read(output.folder().join(WHOLE)).expect("it is whole");
        let whole: Whole = postcard::from_bytes(&bytes).expect("it can be read");
        let names: Vec<_> = whole.names().collect();
        for name in &names {
            fs::rename(output.target(name), output.folder().join(name)).expect("it can be moved");
        }
        names
    };
    state("folder", &|folder, output| {
        spool(folder, output);
        private_folder(&output.folder()).expect("it can be made");
    });
    state("begun", &|folder, output| {
        written(folder, output);
        back(output);
        fs::rename(output.folder().join(WHOLE), output.folder().join("whole.part")).expect("it can be moved");
    });
    state("clearing", &|folder, output| {
        written(folder, output);
        for name in back(output).into_iter().chain([WHOLE.into()]) {
            let path = output.folder().join(name);
            drop(fs::remove_dir_all(&path).or_else(|_| fs::remove_file(path)));
        }
    });
    state("whole", &|folder, output| {
        written(folder, output);
        back(output);
    });
    state("moving", &|folder, output| {
        written(folder, output);
        let names = back(output);
        fs::rename(output.folder().join(&names[0]), output.target(&names[0])).expect("it can be moved");
    });
    state("moved", &|folder, output| written(folder, output));
    state("removing", &|folder, output| {
        written(folder, output);
        fs::remove_file(part(folder, output).join("000001.outcomes")).expect("it is there");
    });
    state("removed", &|folder, output| {
        written(folder, output);
        fs::remove_dir_all(part(folder, output)).expect("it is there");
    });
    state("ending", &|folder, output| {
        written(folder, output);
        fs::remove_dir_all(part(folder, output)).expect("it is there");
        fs::remove_file(output.folder().join(BEGUN)).expect("it is there");
    });
    states
}

#[test]
fn when_making_fails_nothing_is_left_but_the_letters() {
    let folder = place("unfinished");
    for name in ["print.pdf", "letters.zip", "letters"] {
        let output = Output::new(&folder.join(name), false, 100);
        let spool = spool(&folder, &output);
        assert!(matches!(write_of(&spool, &output, &[Some(1)]), Err(OutputError::File { .. })), "{name}");
        let part = part(&folder, &output);
        assert!(fs::read_dir(&folder).expect("it is there").flatten().all(|entry| entry.path() == part), "{name}");
        assert_eq!(write(&spool, &output).expect("the next run goes on").letters, 2, "{name}");
        drop(fs::remove_dir_all(&folder));
        fs::create_dir_all(&folder).expect("a folder can be made");
    }
}

#[test]
fn a_run_that_ends_anywhere_is_gone_on_with() {
    for name in ["out", "out.zip", "out.pdf"] {
        let folder = place(&format!("{name}-expected"));
        let counts = run(&folder, &Output::new(&folder.join(name), false, 10)).expect("the place is free");
        let expected = files(&folder);
        let left = names_in(&folder).expect("it can be read");
        assert!(left.iter().all(|name| !name.as_encoded_bytes().ends_with(b"ing")), "{left:?}");
        assert!(!is_there(&part(&folder, &Output::new(&folder.join(name), false, 10))), "{left:?}");
        for (folder, output) in interrupted(name, name) {
            let again = run(&folder, &output).unwrap_or_else(|error| panic!("{}: {error}", folder.display()));
            assert_eq!(again, counts, "{}", folder.display());
            assert_eq!(files(&folder), expected, "{}", folder.display());
            assert!(matches!(run(&folder, &output), Err(OutputError::Taken(_))), "{}", folder.display());
            fs::remove_dir_all(folder).expect("it can be removed");
        }
        fs::remove_dir_all(folder).expect("it can be removed");
    }
}

#[test]
fn what_has_come_into_the_place_is_named_and_not_written_over() {
    for (name, taken) in [("out", "out"), ("out.zip", "out.zip"), ("out.pdf", "out.manifest.csv")] {
        for (folder, output) in interrupted(&format!("{name}-taken"), name) {
            let state = folder.display();
            let taken = folder.join(taken);
            if is_there(&taken) {
                fs::remove_dir_all(&folder).expect("it can be removed");
                continue;
            }
            fs::write(&taken, "of somebody else").expect("it can be written");
            match run(&folder, &output) {
                Err(OutputError::Taken(named)) => assert_eq!(named, taken, "{state}"),
                other => panic!("{state}: {other:?}"),
            }
            assert_eq!(fs::read(&taken).expect("it is there"), b"of somebody else", "{state}");
            fs::remove_file(&taken).expect("it can be removed");
            run(&folder, &output).unwrap_or_else(|error| panic!("{state}: {error}"));
            fs::remove_dir_all(&folder).expect("it can be removed");
        }
    }
}

#[test]
fn a_later_print_file_in_the_way_is_named_before_anything_is_moved() {
    let folder = place("later");
    let output = Output::new(&folder.join("c.pdf"), false, 10);
    private_folder(&output.folder()).expect("it can be made");
    for name in [BEGUN, "c.pdf", "c-2.pdf", "c-3.pdf"] {
        put(&output.folder().join(name), b"ours").expect("it can be written");
    }
    output.seal(IDENTITY, &output.folder(), Counts::default()).expect("it can be sealed");
    fs::write(folder.join("c-3.pdf"), "of somebody else").expect("it can be written");
    let error = output.resume(IDENTITY).expect_err("a file is in the way");
    assert!(error.to_string().contains("c-3.pdf"), "{error}");
    assert!(!is_there(&folder.join("c.pdf")) && !is_there(&folder.join("c-2.pdf")));
    fs::remove_file(folder.join("c-3.pdf")).expect("it can be removed");
    assert_eq!(output.resume(IDENTITY).expect("the place is free"), Some(Counts::default()));
    assert!(is_there(&folder.join("c.pdf")) && is_there(&folder.join("c-3.pdf")));
    fs::remove_dir_all(folder).expect("it can be removed");
}

#[test]
fn what_was_taken_away_is_made_anew_and_the_output_of_another_mailing_is_left() {
    let folder = place("away");
    let output = Output::new(&folder.join("out.zip"), false, 10);
    let spool = spool(&folder, &output);
    write(&spool, &output).expect("the place is free");
    assert!(matches!(output.resume("another mailing"), Err(OutputError::Taken(path)) if path == output.folder()));
    fs::remove_file(folder.join("out.zip")).expect("it is there");
    assert_eq!(output.resume(IDENTITY).expect("it is ours"), None);
    write(&spool, &output).expect("the place is free");
    assert!(is_there(&folder.join("out.zip")));
    fs::remove_dir_all(folder).expect("it can be removed");
}
