//! Checks that the patches of `planted/` still apply: each hunk is found in the code as it is.

use std::fs;
use std::path::Path;

/// The lines that a hunk replaces, and the counts that its header promises.
struct Hunk {
    file: String,
    promised: String,
    before: Vec<String>,
    after: usize,
}

/// Fails with the patches that no longer apply.
pub(crate) fn check_patches() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let folder = root.join("tests/simulation/planted");
    let mut patches: Vec<_> = fs::read_dir(&folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    patches.sort();
    assert!(!patches.is_empty(), "{} is empty", folder.display());
    let rotten: Vec<String> = patches
        .iter()
        .filter_map(|patch| {
            let name = patch.file_name().unwrap_or_default().display();
            Some(format!("{name} does not apply: {}", fault(root, &fs::read_to_string(patch).unwrap())?))
        })
        .collect();
    assert!(rotten.is_empty(), "{}", rotten.join("\n"));
}

/// Why a patch does not apply to the workspace of `root`.
fn fault(root: &Path, patch: &str) -> Option<String> {
    let hunks = hunks(patch);
    if hunks.is_empty() || patch.starts_with("---") {
        return Some("it has no first line that says what is broken, or no hunk".to_owned());
    }
    hunks.iter().find_map(|hunk| {
        let promised = counts(hunk.before.len(), hunk.after);
        if promised != hunk.promised {
            return Some(format!("a hunk of {} has {promised}, not {}", hunk.file, hunk.promised));
        }
        let Ok(text) = fs::read_to_string(root.join("..").join(&hunk.file)) else {
            return Some(format!("{} is not there", hunk.file));
        };
        let lines: Vec<&str> = text.lines().collect();
        let places = lines.windows(hunk.before.len()).filter(|lines| *lines == hunk.before).count();
        (places != 1).then(|| format!("{} has {places} places like\n{}", hunk.file, hunk.before.join("\n")))
    })
}

fn hunks(patch: &str) -> Vec<Hunk> {
    let (mut file, mut hunks) = (String::new(), Vec::<Hunk>::new());
    for line in patch.lines().skip(1) {
        if let Some(path) = line.strip_prefix("--- a/") {
            path.clone_into(&mut file);
        } else if let Some(header) = line.strip_prefix("@@ ") {
            let promised = header.trim_end_matches(" @@").split([' ', ',']);
            let promised: Vec<usize> =
                promised.skip(1).step_by(2).map(|count| count.parse().unwrap_or(1)).collect();
            let promised = counts(promised[0], promised[1]);
            hunks.push(Hunk { file: file.clone(), promised, before: Vec::new(), after: 0 });
        } else if let Some(hunk) = hunks.last_mut().filter(|_| !line.starts_with("+++ ")) {
            let is_kept = line.starts_with(' ') || line.is_empty();
            if is_kept || line.starts_with('-') {
                hunk.before.push(line.get(1..).unwrap_or_default().to_owned());
            }
            hunk.after += usize::from(is_kept || line.starts_with('+'));
        }
    }
    hunks
}

fn counts(before: usize, after: usize) -> String {
    format!("{before} lines before and {after} after")
}
