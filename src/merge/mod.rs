//! What callers write becomes blocks of text: data, never source of any kind. Here lives the Markdown
//! subset of free letters; merge fields of bulk letters will stand beside it.

pub mod markdown;
