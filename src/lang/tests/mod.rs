//! Tests of the evaluator, by topic.

mod correspondence;
mod groups;
mod items;
