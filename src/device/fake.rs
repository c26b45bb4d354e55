//! A device for tests that is as asynchronous as a GPU, and less forgiving.
//!
//! Streams are queues: nothing runs before a wait needs it ([`Schedule::Lazy`]), or queues advance in a seeded random
//! interleaving that respects events ([`Schedule::Random`]). Data that nothing has produced yet reads as 0xFF bytes.
//! Three mistakes that a GPU may well let pass are always errors, whatever the schedule:
//!
//! - a block looked at before its download was waited for ([`Pending`] gives the error);
//! - data of another stream used without an order or a wait in between (the next wait on the stream gives the error);
//! - an event waited for that another device recorded.
//!
//! Who knows what is kept as vector clocks: per stream and for the host, how far each stream is known to have come.

use super::block::{Block, Buffer};
use super::null::output_shapes;
use super::{Device, Event, Pending, Resident, Stream, View};
use crate::chunk::Region;
use crate::error::{Error, Result};
use crate::op::kernel::{Kernel, PanelProduct};
use parking_lot::Mutex;
use std::collections::{BTreeMap, VecDeque};
use std::fmt;
use std::sync::Arc;

/// Runs one kernel on host blocks at once; tests give it a CPU.
pub type Executor = Arc<dyn Fn(&Kernel, &Region, &[View]) -> Result<Vec<Block>> + Send + Sync>;

/// When queued work runs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Schedule {
    /// Not before a wait needs it.
    Lazy,
    /// At random, in an order that this seed decides.
    Random(u64),
}

/// What a [`FakeDevice`] was asked to do so far.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Counters {
    /// Kernels launched.
    pub launches: u64,
    /// Blocks uploaded.
    pub uploads: u64,
    /// Bytes uploaded.
    pub uploaded_bytes: u64,
    /// Blocks downloaded.
    pub downloads: u64,
    /// Bytes downloaded.
    pub downloaded_bytes: u64,
    /// Operations that have run.
    pub executed: u64,
}

/// An asynchronous device for tests.
///
/// ```
/// use hyperslab::device::fake::{FakeDevice, Schedule};
/// use hyperslab::device::{Device, Stream, block::Block};
/// use std::sync::Arc;
/// let device = FakeDevice::new(2, Schedule::Lazy, Arc::new(|_, _, _| Ok(Vec::new())));
/// let data = device.upload(Stream(0), &Block::from_vec(vec![1.0f32, 2.0], &[2]).unwrap()).unwrap();
/// let pending = device.download(Stream(0), &data).unwrap();
/// device.wait(device.record(Stream(0))).unwrap();
/// assert_eq!((pending.0)().unwrap().values::<f32>().unwrap(), &[1.0, 2.0]);
/// ```
pub struct FakeDevice {
    state: Arc<Mutex<State>>,
}

/// Per stream, how many of its operations are known to have happened.
type Clock = Vec<u64>;

struct State {
    executor: Executor,
    schedule: Schedule,
    queues: Vec<Queue>,
    /// What the host has waited for.
    host: Clock,
    counters: Counters,
    /// Launches, by number, that fail with this text.
    failures: Vec<(u64, String)>,
    random: u64,
}

#[derive(Default)]
struct Queue {
    waiting: VecDeque<Op>,
    issued: u64,
    done: u64,
    clock: Clock,
    /// The clock at each recorded event.
    marks: BTreeMap<u64, Clock>,
    /// The first fault since the last wait that reported one, and the operation that had it.
    fault: Option<(u64, Error)>,
}

struct Op {
    work: Work,
    /// How far other streams must have come before it may run.
    after: Clock,
    /// A mistake found when it was enqueued.
    mistake: Option<Error>,
}

enum Work {
    Upload(Block, Arc<Slot>),
    Launch { kernel: Box<Kernel>, region: Region, inputs: Vec<View<Arc<Slot>>>, outputs: Vec<Arc<Slot>>, number: u64 },
    Download(Arc<Slot>, Arc<Slot>),
}

/// Data on the device: poisoned until the operation that makes it has run.
struct Slot {
    maker: Stream,
    /// Operations of the maker's stream up to and including the one that makes it.
    position: u64,
    data: Mutex<Result<Block>>,
}

impl fmt::Debug for FakeDevice {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "FakeDevice({:?})", self.counters())
    }
}

impl FakeDevice {
    /// A device of this many streams on which `executor` computes.
    #[must_use]
    pub fn new(streams: usize, schedule: Schedule, executor: Executor) -> Self {
        let clock = vec![0; streams];
        let queues = (0..streams).map(|_| Queue { clock: clock.clone(), ..Queue::default() }).collect();
        let random = if let Schedule::Random(seed) = schedule { seed } else { 0 };
        let (counters, failures) = (Counters::default(), Vec::new());
        let state = State { executor, schedule, queues, host: clock, counters, failures, random };
        Self { state: Arc::new(Mutex::new(state)) }
    }

    /// What was asked for so far.
    #[must_use]
    pub fn counters(&self) -> Counters {
        self.state.lock().counters
    }

    /// Makes launch number `launch`, counted from 0, fail when it runs.
    pub fn fail(&self, launch: u64, why: &str) {
        self.state.lock().failures.push((launch, why.to_owned()));
    }
}

fn fault(why: impl Into<String>) -> Error {
    Error::device("fake", why)
}

/// Bytes that no kernel meant to produce.
fn poison(block_of: crate::dtype::DType, shape: &[usize]) -> Result<Block> {
    let mut buffer = Buffer::zeroed(crate::shape::size(shape) * block_of.size());
    buffer.bytes_mut().fill(0xff);
    Block::new(block_of, shape, buffer)
}

fn slot(data: &Resident) -> Result<Arc<Slot>> {
    Arc::clone(&data.0).downcast::<Slot>().map_err(|_| Error::bug("data of another device"))
}

fn join(clock: &mut Clock, other: &Clock) {
    clock.iter_mut().zip(other).for_each(|(a, b)| *a = (*a).max(*b));
}

impl State {
    fn queue(&self, stream: Stream) -> Result<&Queue> {
        self.queues.get(stream.0).ok_or_else(|| Error::bug(format!("the fake device has stream {}", stream.0)))
    }

    /// What is known to have happened once `event` has; none for an event that was not recorded here.
    fn known(&self, event: Event) -> Option<Clock> {
        self.queues.get(event.stream.0)?.marks.get(&event.position).cloned()
    }

    /// The number that the next operation of `stream` has.
    fn next(&self, stream: Stream) -> Result<u64> {
        Ok(self.queue(stream)?.issued + 1)
    }

    /// Appends an operation that reads `inputs`.
    fn enqueue(&mut self, stream: Stream, work: Work, inputs: &[Arc<Slot>]) -> Result<()> {
        let number = self.next(stream)?;
        let mut clock = self.queue(stream)?.clock.clone();
        join(&mut clock, &self.host);
        let unordered = inputs.iter().find(|s| s.maker != stream && clock[s.maker.0] < s.position);
        let mistake = unordered.map(|s| {
            let (here, there) = (stream.0, s.maker.0);
            fault(format!("stream {here} uses what stream {there} makes without waiting for it"))
        });
        let after = clock.clone();
        clock[stream.0] = number;
        let queue = &mut self.queues[stream.0];
        queue.clock = clock;
        queue.issued = number;
        queue.waiting.push_back(Op { work, after, mistake });
        self.wander();
        Ok(())
    }

    /// Whether the first operation of `stream` may run.
    fn is_ready(&self, stream: usize) -> bool {
        let Some(op) = self.queues[stream].waiting.front() else { return false };
        self.queues.iter().zip(&op.after).enumerate().all(|(s, (q, &needed))| s == stream || q.done >= needed)
    }

    /// Under a random schedule, runs some operations that may run.
    fn wander(&mut self) {
        let Schedule::Random(_) = self.schedule else { return };
        loop {
            self.random = self.random.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            let draw = usize::try_from(self.random >> 40).unwrap_or(0);
            let ready: Vec<usize> = (0..self.queues.len()).filter(|&s| self.is_ready(s)).collect();
            if draw % 3 == 0 || ready.is_empty() {
                return;
            }
            self.step(ready[draw / 3 % ready.len()]);
        }
    }

    /// Runs `stream` up to its operation number `position`, and before each operation what it waits for.
    fn advance(&mut self, stream: usize, position: u64) {
        while self.queues[stream].done < position {
            let Some(op) = self.queues[stream].waiting.front() else { return };
            let after = op.after.clone();
            for (other, &needed) in after.iter().enumerate().filter(|(s, _)| *s != stream) {
                self.advance(other, needed);
            }
            self.step(stream);
        }
    }

    /// Runs the first operation of `stream`.
    fn step(&mut self, stream: usize) {
        let Some(op) = self.queues[stream].waiting.pop_front() else { return };
        self.counters.executed += 1;
        self.queues[stream].done += 1;
        let done = self.perform(op.work);
        if let Err(error) = op.mistake.map_or(done, Err) {
            let queue = &mut self.queues[stream];
            queue.fault.get_or_insert((queue.done, error));
        }
    }

    fn perform(&self, work: Work) -> Result<()> {
        match work {
            Work::Upload(block, to) => *to.data.lock() = Ok(block),
            Work::Download(from, to) => {
                let data = from.data.lock().clone();
                let outcome = data.as_ref().map(|_| ()).map_err(Clone::clone);
                *to.data.lock() = data;
                return outcome;
            }
            Work::Launch { kernel, region, inputs, outputs, number } => {
                let done = self.compute(&kernel, &region, &inputs, number);
                for (i, to) in outputs.iter().enumerate() {
                    let block = done.as_ref().map_err(Clone::clone).and_then(|blocks| {
                        blocks.get(i).cloned().ok_or_else(|| Error::bug("a kernel gives all of its outputs"))
                    });
                    *to.data.lock() = block;
                }
                done?;
            }
        }
        Ok(())
    }

    fn compute(&self, kernel: &Kernel, region: &Region, inputs: &[View<Arc<Slot>>], number: u64) -> Result<Vec<Block>> {
        if let Some((_, why)) = self.failures.iter().find(|(launch, _)| *launch == number) {
            return Err(fault(why.clone()));
        }
        let views = inputs
            .iter()
            .map(|v| {
                let block = v.block.data.lock().clone()?;
                Ok(View { block, offset: v.offset, strides: v.strides.clone() })
            })
            .collect::<Result<Vec<_>>>()?;
        (self.executor)(kernel, region, &views)
    }
}

impl Device for FakeDevice {
    fn name(&self) -> String {
        "fake".to_owned()
    }

    fn supports(&self, kernel: &Kernel) -> bool {
        !matches!(kernel, Kernel::Contract(PanelProduct { narrow: true, .. }))
    }

    fn streams(&self) -> usize {
        self.state.lock().queues.len()
    }

    fn upload(&self, stream: Stream, block: &Block) -> Result<Resident> {
        let mut state = self.state.lock();
        let data = Mutex::new(poison(block.dtype(), block.shape()));
        let to = Arc::new(Slot { maker: stream, position: state.next(stream)?, data });
        state.counters.uploads += 1;
        state.counters.uploaded_bytes += block.bytes().len() as u64;
        state.enqueue(stream, Work::Upload(block.clone(), Arc::clone(&to)), &[])?;
        Ok(Resident(to))
    }

    fn launch(
        &self,
        stream: Stream,
        kernel: &Kernel,
        region: &Region,
        inputs: &[View<Resident>],
    ) -> Result<Vec<Resident>> {
        let views = inputs
            .iter()
            .map(|v| Ok(View { block: slot(&v.block)?, offset: v.offset, strides: v.strides.clone() }))
            .collect::<Result<Vec<_>>>()?;
        let read: Vec<Arc<Slot>> = views.iter().map(|v| Arc::clone(&v.block)).collect();
        let mut state = self.state.lock();
        let position = state.next(stream)?;
        let outputs: Vec<Arc<Slot>> = output_shapes(kernel, region)
            .iter()
            .zip(kernel.outputs())
            .map(|(shape, dtype)| Arc::new(Slot { maker: stream, position, data: Mutex::new(poison(dtype, shape)) }))
            .collect();
        let number = state.counters.launches;
        state.counters.launches += 1;
        let work = Work::Launch {
            kernel: Box::new(kernel.clone()),
            region: region.clone(),
            inputs: views,
            outputs: outputs.clone(),
            number,
        };
        state.enqueue(stream, work, &read)?;
        Ok(outputs.into_iter().map(|o| Resident(o)).collect())
    }

    fn download(&self, stream: Stream, data: &Resident) -> Result<Pending> {
        let from = slot(data)?;
        let mut state = self.state.lock();
        let position = state.next(stream)?;
        let like = from.data.lock().as_ref().map(|b| (b.dtype(), b.shape().to_vec())).map_err(Clone::clone);
        let blank = like.and_then(|(dtype, shape)| poison(dtype, &shape));
        state.counters.downloads += 1;
        state.counters.downloaded_bytes += blank.as_ref().map_or(0, |b| b.bytes().len() as u64);
        let to = Arc::new(Slot { maker: stream, position, data: Mutex::new(blank) });
        state.enqueue(stream, Work::Download(Arc::clone(&from), Arc::clone(&to)), &[from])?;
        let state = Arc::clone(&self.state);
        Ok(Pending(Box::new(move || {
            if state.lock().host[stream.0] < position {
                return Err(fault("a block is looked at before its download was waited for"));
            }
            to.data.lock().clone()
        })))
    }

    fn record(&self, stream: Stream) -> Event {
        let mut state = self.state.lock();
        let Some(queue) = state.queues.get_mut(stream.0) else { return Event { stream, position: u64::MAX } };
        queue.marks.insert(queue.issued, queue.clock.clone());
        Event { stream, position: queue.issued }
    }

    fn order(&self, stream: Stream, event: Event) {
        let mut state = self.state.lock();
        let known = state.known(event);
        if let (Some(known), Some(queue)) = (known, state.queues.get_mut(stream.0)) {
            join(&mut queue.clock, &known);
        }
    }

    fn wait(&self, event: Event) -> Result<()> {
        let mut state = self.state.lock();
        let known = state.known(event).ok_or_else(|| fault("an event is waited for that was never recorded"))?;
        state.advance(event.stream.0, event.position);
        join(&mut state.host, &known);
        let queue = &mut state.queues[event.stream.0];
        match queue.fault.take() {
            Some((at, error)) if at <= event.position => Err(error),
            later => {
                queue.fault = later;
                Ok(())
            }
        }
    }
}

#[cfg(test)]
mod tests;
