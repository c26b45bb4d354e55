//! The streams of a GPU and the events recorded on them.

use crate::device::{Event, Stream};
use crate::error::{Error, Result};
use cudarc::driver::{CudaContext, CudaEvent, CudaStream, DriverError};
use parking_lot::Mutex;
use std::collections::VecDeque;
use std::sync::Arc;

/// Every stream of one device.
pub(crate) struct Streams {
    name: String,
    context: Arc<CudaContext>,
    list: Vec<Queue>,
    /// Users' functions whose kernels ran: generated kernels are checked against their blocks, these are not.
    suspects: Mutex<Vec<String>>,
}

/// What the driver calls faults of kernels, which show at a later call.
const FAULTS: [&str; 8] = [
    "ILLEGAL_ADDRESS",
    "ILLEGAL_INSTRUCTION",
    "INVALID_ADDRESS_SPACE",
    "INVALID_PC",
    "MISALIGNED_ADDRESS",
    "LAUNCH_FAILED",
    "LAUNCH_TIMEOUT",
    "ASSERT",
];

/// Events of a stream that are there before it asks which have happened, which takes longer than to record one.
const GATHERED: usize = 8;

struct Queue {
    stream: Arc<CudaStream>,
    marks: Mutex<Marks>,
}

#[derive(Default)]
struct Marks {
    /// Operations enqueued so far.
    issued: u64,
    /// Operations that are known to have happened.
    done: u64,
    /// Recorded events, by the number of operations before them.
    events: VecDeque<(u64, Arc<CudaEvent>)>,
    /// A failure that had no call to report it.
    fault: Option<Error>,
}

impl Marks {
    /// Learns which events have happened.
    fn advance(&mut self) {
        while let Some((position, _)) = self.events.pop_front_if(|(_, event)| event.is_complete()) {
            self.done = self.done.max(position);
        }
    }
}

impl Streams {
    pub(crate) fn new(name: &str, context: &Arc<CudaContext>, count: usize) -> Result<Self, DriverError> {
        let list = (0..count)
            .map(|_| Ok(Queue { stream: context.new_stream()?, marks: Mutex::default() }))
            .collect::<Result<Vec<_>, DriverError>>()?;
        Ok(Self { name: name.to_owned(), context: Arc::clone(context), list, suspects: Mutex::default() })
    }

    pub(crate) fn len(&self) -> usize {
        self.list.len()
    }

    pub(crate) fn context(&self) -> &Arc<CudaContext> {
        &self.context
    }

    /// Waits for everything that was enqueued.
    pub(crate) fn drain(&self) -> Result<()> {
        self.list.iter().try_for_each(|queue| queue.stream.synchronize().map_err(|e| self.fault(e)))
    }

    /// What the driver reports, as an error of this device. Faults of kernels name the users' functions that ran.
    pub(crate) fn fault(&self, error: impl std::fmt::Display) -> Error {
        let mut text = error.to_string();
        if FAULTS.iter().any(|fault| text.contains(fault)) {
            let suspects = self.suspects.lock();
            if !suspects.is_empty() {
                text.push_str("; kernels of users that ran here: ");
                text.push_str(&suspects.iter().map(|s| format!("`{s}`")).collect::<Vec<_>>().join(", "));
            }
        }
        Error::device(&self.name, text)
    }

    /// Notes that the kernel of this user's function runs.
    pub(crate) fn suspect(&self, function: &str) {
        let mut suspects = self.suspects.lock();
        let quoted = format!("`{function}`");
        if !suspects.contains(&quoted) {
            suspects.push(quoted);
        }
    }

    fn queue(&self, stream: Stream) -> Result<&Queue> {
        self.list.get(stream.0).ok_or_else(|| Error::bug(format!("{} has stream {}", self.name, stream.0)))
    }

    pub(crate) fn get(&self, stream: Stream) -> Result<&Arc<CudaStream>> {
        Ok(&self.queue(stream)?.stream)
    }

    /// Counts an operation that was enqueued on `stream`.
    pub(crate) fn issued(&self, stream: Stream) {
        if let Ok(queue) = self.queue(stream) {
            queue.marks.lock().issued += 1;
        }
    }

    /// The event at the current end of `stream`, recorded once per operation.
    pub(crate) fn mark(&self, stream: Stream) -> Result<Arc<CudaEvent>> {
        let queue = self.queue(stream)?;
        let mut marks = queue.marks.lock();
        let at = marks.issued;
        if let Some((position, event)) = marks.events.back()
            && *position == at
        {
            return Ok(Arc::clone(event));
        }
        if marks.events.len() >= GATHERED {
            marks.advance();
        }
        let event = Arc::new(queue.stream.record_event(None).map_err(|e| self.fault(e))?);
        marks.events.push_back((at, Arc::clone(&event)));
        Ok(event)
    }

    /// [`Device::record`](crate::device::Device::record). Costs nothing: the driver's event is recorded when somebody
    /// waits.
    pub(crate) fn record(&self, stream: Stream) -> Event {
        let position = self.queue(stream).map_or(u64::MAX, |queue| queue.marks.lock().issued);
        Event { stream, position }
    }

    /// Whether all that was enqueued on `stream` is known to have happened; the driver is not asked.
    pub(crate) fn is_idle(&self, stream: Stream) -> bool {
        self.queue(stream).is_ok_and(|queue| {
            let marks = queue.marks.lock();
            marks.issued <= marks.done
        })
    }

    /// Whether `event` is known to have happened: what was neither marked nor waited for is not.
    pub(crate) fn has_happened(&self, event: Event) -> bool {
        let Ok(queue) = self.queue(event.stream) else { return true };
        let mut marks = queue.marks.lock();
        if event.position > marks.done {
            marks.advance();
        }
        event.position <= marks.done
    }

    /// An event at or after `event`, and its position, recorded now where there is none; none where it is known to have
    /// happened.
    fn find(&self, event: Event) -> Result<Option<(u64, Arc<CudaEvent>)>> {
        let queue = self.queue(event.stream)?;
        {
            let marks = queue.marks.lock();
            if event.position <= marks.done {
                return Ok(None);
            }
            if let Some((position, found)) = marks.events.iter().find(|(position, _)| *position >= event.position) {
                return Ok(Some((*position, Arc::clone(found))));
            }
        }
        // What is enqueued meanwhile may come before the event, or after it.
        let position = queue.marks.lock().issued;
        self.mark(event.stream).map(|event| Some((position, event)))
    }

    /// [`Device::order`](crate::device::Device::order): a failure is kept for the next wait.
    pub(crate) fn order(&self, stream: Stream, event: Event) {
        let ordered = self.find(event).and_then(|found| match found {
            Some((_, found)) if stream != event.stream => {
                self.get(stream)?.wait(&found).map_err(|e| self.fault(e))?;
                self.issued(stream);
                Ok(())
            }
            _ => Ok(()),
        });
        if let (Err(error), Ok(queue)) = (ordered, self.queue(stream)) {
            queue.marks.lock().fault.get_or_insert(error);
        }
    }

    /// Waits until the stream has passed `event`, and leaves faults of other work to those who wait for that.
    pub(crate) fn pass(&self, event: Event) -> Result<()> {
        if let Some((position, found)) = self.find(event)? {
            found.synchronize().map_err(|e| self.fault(e))?;
            let mut marks = self.queue(event.stream)?.marks.lock();
            marks.done = marks.done.max(position);
            while marks.events.pop_front_if(|(at, _)| *at <= position).is_some() {}
        }
        Ok(())
    }

    /// As [`Streams::pass`], where nobody is there to hear of a fault: the next wait reports it.
    pub(crate) fn settle(&self, event: Event) {
        if let (Err(error), Ok(queue)) = (self.pass(event), self.queue(event.stream)) {
            queue.marks.lock().fault.get_or_insert(error);
        }
    }

    /// [`Device::wait`](crate::device::Device::wait).
    pub(crate) fn wait(&self, event: Event) -> Result<()> {
        self.pass(event)?;
        let mut marks = self.queue(event.stream)?.marks.lock();
        let fault = marks.fault.take();
        drop(marks);
        self.context.check_err().map_err(|e| self.fault(e))?;
        fault.map_or(Ok(()), Err)
    }
}
