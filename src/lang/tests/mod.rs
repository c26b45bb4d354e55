//! Tests of the evaluator, by topic.
