//! Tests of the evaluator, by topic.

mod groups;
mod items;
