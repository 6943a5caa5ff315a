//! `Extensions`: the grammar of RFC 6455 §9.1, and that what `Display` writes says the same.

#![no_main]

use websans::{Extension, Extensions};
use websans_fuzz::Steps;
use websans_fuzz::head::is_token;
use websans_fuzz::heap::{Meter, balanced};

libfuzzer_sys::fuzz_target!(|data: &[u8]| balanced(|| {
    let (mut steps, mut meter) = (Steps::at_most(data.len() + 2), Meter::default());
    let mut extensions = Extensions::new(data);
    let mut written = Vec::new();
    let mut failed = false;
    while let Some(extension) = meter.run(|| extensions.next()) {
        steps.step();
        assert!(!failed, "nothing follows an error");
        match extension {
            Ok(extension) => written.push(check(&extension)),
            Err(_) => failed = true,
        }
    }
    assert_eq!(meter.peak(), 0, "it allocates nothing");
    if !failed {
        // A list of them, with empty elements, is the same list.
        let list = format!(", ,{},", written.join(" ,, "));
        let again: Vec<_> =
            Extensions::new(list.as_bytes()).map(|it| it.unwrap().to_string()).collect();
        assert_eq!(again, written);
    }
}));

fn params(extension: &Extension<'_>) -> Vec<(String, Option<String>)> {
    let owned = |value: std::borrow::Cow<'_, str>| value.into_owned();
    extension.params().map(|param| (param.name.into(), param.value.map(owned))).collect()
}

fn check(extension: &Extension<'_>) -> String {
    let all = params(extension);
    assert!(is_token(extension.name()));
    assert!(all.iter().all(|(name, value)| is_token(name)
        && value.as_deref().is_none_or(|it| it.is_empty() || is_token(it))));
    let text = extension.to_string();
    let mut again = Extensions::new(text.as_bytes());
    let reread = again.next().unwrap().expect("what is written conforms");
    assert_eq!((reread.name(), params(&reread)), (extension.name(), all));
    assert!(again.next().is_none());
    text
}
