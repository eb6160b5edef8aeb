//! What callers write becomes blocks of text: data, never source of any kind. Here live the Markdown subset of free
//! letters, and the merge fields of letters to many.

pub mod fields;
pub mod letter;
pub mod markdown;
mod words;
