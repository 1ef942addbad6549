//! Rust sources without what is not code, so that a word found in them means what it says.

/// `source` with comments and the insides of string and character literals blanked out.
///
/// Lines stay where they are; columns do where the text is ASCII.
pub(super) fn code(source: &str) -> String {
    let mut rest = source;
    let mut code = String::with_capacity(source.len());
    while let Some(first) = rest.chars().next() {
        let length = skipped(rest, code.chars().next_back());
        let (piece, after) = rest.split_at(length.unwrap_or(first.len_utf8()));
        if length.is_some() {
            code.extend(piece.chars().map(|c| if c == '\n' { c } else { ' ' }));
        } else {
            code.push_str(piece);
        }
        rest = after;
    }
    code
}

/// The length of the comment or literal that `rest` begins with.
fn skipped(rest: &str, before: Option<char>) -> Option<usize> {
    if rest.starts_with("//") {
        return Some(rest.find('\n').unwrap_or(rest.len()));
    }
    if rest.starts_with("/*") {
        return Some(block_comment(rest));
    }
    if let Some(inside) = rest.strip_prefix('"') {
        return Some(1 + until_quote(inside, '"'));
    }
    if rest.starts_with('r') && !before.is_some_and(is_word) || rest.starts_with("br") {
        return raw_string(rest);
    }
    character(rest.strip_prefix('\'')?).map(|length| 1 + length)
}

fn block_comment(rest: &str) -> usize {
    let mut depth = 0_usize;
    for (at, _) in rest.char_indices() {
        if rest[at..].starts_with("/*") {
            depth += 1;
        } else if rest[at..].starts_with("*/") {
            depth -= 1;
            if depth == 0 {
                return at + 2;
            }
        }
    }
    rest.len()
}

/// The length up to and with the closing `quote`, over escaped characters.
fn until_quote(inside: &str, quote: char) -> usize {
    let mut escaped = false;
    for (at, c) in inside.char_indices() {
        match c {
            _ if escaped => escaped = false,
            '\\' => escaped = true,
            _ if c == quote => return at + 1,
            _ => {}
        }
    }
    inside.len()
}

fn raw_string(rest: &str) -> Option<usize> {
    let prefix = rest.find('r')? + 1;
    let hashes = rest[prefix..].chars().take_while(|c| *c == '#').count();
    let inside = rest[prefix + hashes..].strip_prefix('"')?;
    let close = format!("\"{}", "#".repeat(hashes));
    let end = inside
        .find(&close)
        .map_or(inside.len(), |at| at + close.len());
    Some(prefix + hashes + 1 + end)
}

/// The rest of a character literal up to and with its closing quote; a lifetime has none.
fn character(inside: &str) -> Option<usize> {
    let mut chars = inside.chars();
    let first = chars.next()?;
    if first == '\\' {
        return Some(until_quote(inside, '\''));
    }
    (chars.next() == Some('\'')).then(|| first.len_utf8() + 1)
}

/// Every place where `word` stands as a word: byte offsets.
pub(super) fn words<'a>(code: &'a str, word: &'a str) -> impl Iterator<Item = usize> + 'a {
    code.match_indices(word)
        .map(|(at, _)| at)
        .filter(move |at| {
            let before = code[..*at].chars().next_back();
            let after = code[at + word.len()..].chars().next();
            !before.is_some_and(is_word) && !after.is_some_and(is_word)
        })
}

/// The line of a byte offset, counted from 1.
pub(super) fn line(text: &str, at: usize) -> usize {
    1 + text[..at].matches('\n').count()
}

pub(super) fn is_word(c: char) -> bool {
    c.is_alphanumeric() || c == '_'
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_code_is_left() {
        let source = r##"let a = "unsafe \" // {"; // unsafe
/* unsafe /* nested */ unsafe */ let b = r#"unsafe "quoted""#; let c = '"'; let d: &'static str = "x";
unsafe { f('\'') }"##;
        let code = code(source);
        assert_eq!(words(&code, "unsafe").count(), 1);
        assert_eq!(line(&code, words(&code, "unsafe").next().unwrap_or(0)), 3);
        assert!(code.contains("let b"));
        assert!(code.contains("&'static str"));
    }

    #[test]
    fn a_word_is_not_part_of_another() {
        assert_eq!(
            words("unsafe_code not_unsafe unsafe(x)", "unsafe").count(),
            1
        );
    }
}
