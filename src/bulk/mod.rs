//! A letter to every home: who gets one, the letters in chunks, and what is made of them.
//!
//! A list is gone through twice and kept as it came: [`entry`] reads it, [`parsed`] takes an entry by itself, [`plan`] decides by [`home`], [`chunk`] has the letters of a hundred items
//! made, [`spool`] keeps chunks until all are there, and [`output`] makes files of them, print files as [`layout`] has it. Knows no
//! HTTP.

pub mod archive;
pub mod chunk;
pub mod documents;
pub mod entry;
pub mod home;
pub mod job;
pub mod layout;
pub mod list;
pub mod manifest;
pub mod output;
pub mod parsed;
pub mod plan;
pub mod print_file;
pub mod spool;
