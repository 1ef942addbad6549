//! What the machine does while nothing is sent: processor time that no column is charged with.

use std::{
    cell::Cell,
    fs, thread,
    time::{Duration, Instant},
};

use anyhow::{Context as _, Result};

/// Of what the kernel tells processor time in: `USER_HZ`, the same on every machine with Linux.
const TICK: Duration = Duration::from_millis(10);
/// So much of one processor is not to be seen beside what is measured.
const QUIET: f64 = 0.1;

/// What the machine does by itself, as far as it has been listened to.
#[derive(Default)]
pub(crate) struct Background {
    busy: Cell<Duration>,
    time: Cell<Duration>,
}

impl Background {
    /// Listens for `time`.
    ///
    /// # Errors
    /// When the kernel does not tell the time.
    pub(crate) fn listen(&self, time: Duration) -> Result<()> {
        let clock = Clock::start()?;
        thread::sleep(time);
        let (busy, elapsed) = clock.read()?;
        self.busy.set(self.busy.get() + busy);
        self.time.set(self.time.get() + elapsed);
        Ok(())
    }

    /// Does `work`, and returns what it returns and the seconds of processor time that it took,
    /// on all processors together, in interrupts too.
    ///
    /// # Errors
    /// Those of `work`, and when the kernel does not tell the time.
    pub(crate) fn beyond<T>(&self, work: impl FnOnce() -> Result<T>) -> Result<(T, f64)> {
        let clock = Clock::start()?;
        let result = work()?;
        let (busy, elapsed) = clock.read()?;
        let own = busy.as_secs_f64() - self.share() * elapsed.as_secs_f64();
        Ok((result, own))
    }

    /// What there is to know of it beside a figure that it was subtracted from.
    pub(crate) fn note(&self) -> String {
        let share = self.share();
        let verdict = if share > QUIET {
            ", which is MUCH: something else ran, and these figures are not to be trusted"
        } else {
            ""
        };
        format!(
            "While nothing was sent, {:.1} % of one processor were busy{verdict}; \
             that is subtracted.",
            100.0 * share
        )
    }

    /// Processors that are busy with it, on average.
    fn share(&self) -> f64 {
        let time = self.time.get();
        if time.is_zero() {
            return 0.0;
        }
        self.busy.get().as_secs_f64() / time.as_secs_f64()
    }
}

/// When a measurement began, and how long processors had been idle then.
struct Clock {
    begun: Instant,
    idle: Idle,
}

/// Time that processors did nothing for this machine, and how many there are.
struct Idle {
    time: Duration,
    processors: u32,
}

impl Clock {
    fn start() -> Result<Self> {
        Ok(Self {
            begun: Instant::now(),
            idle: Idle::now()?,
        })
    }

    /// How long processors were busy since, all together, and how long that is ago.
    ///
    /// What was not idle was busy: the kernel knows to the microsecond when it was idle, while
    /// what else it did, it only looks at when a tick comes.
    fn read(&self) -> Result<(Duration, Duration)> {
        let idle = Idle::now()?.time.saturating_sub(self.idle.time);
        let elapsed = self.begun.elapsed();
        Ok((
            (elapsed * self.idle.processors).saturating_sub(idle),
            elapsed,
        ))
    }
}

impl Idle {
    fn now() -> Result<Self> {
        Self::of(&fs::read_to_string("/proc/stat").context("read /proc/stat")?)
    }

    fn of(text: &str) -> Result<Self> {
        let mut lines = text.lines().take_while(|line| line.starts_with("cpu"));
        let all = lines.next().context("/proc/stat is empty")?;
        let ticks: Vec<u32> = all
            .split_whitespace()
            .skip(1)
            .map(str::parse)
            .collect::<Result<_, _>>()
            .context("read /proc/stat")?;
        // user, nice, system, idle, iowait, irq, softirq, steal: what a hypervisor gave to others
        // was no work.
        let idle: u32 = [3, 4, 7].iter().filter_map(|at| ticks.get(*at)).sum();
        Ok(Self {
            time: TICK * idle,
            processors: lines.count() as u32,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_neither_idle_nor_stolen_is_busy() {
        let text = "cpu  10 20 30 400 50 6 7 8 0 0\ncpu0 1 2\ncpu1 3 4\nintr 5\n";
        let idle = Idle::of(text).unwrap();
        assert_eq!(idle.time, TICK * 458);
        assert_eq!(idle.processors, 2);
    }

    #[test]
    fn work_is_charged_without_the_background() {
        let background = Background::default();
        background.busy.set(Duration::from_secs(3));
        background.time.set(Duration::from_secs(1));
        assert!(background.note().contains("300.0 % of one processor"));
        assert!(background.note().contains("MUCH"));
        let spin = Duration::from_millis(40);
        let work = || {
            let begun = Instant::now();
            while begun.elapsed() < spin {}
            Ok(())
        };
        let ((), quiet) = Background::default().beyond(work).unwrap();
        let ((), loud) = background.beyond(work).unwrap();
        assert!(quiet >= 0.02, "{quiet}");
        // At most all processors are busy, and three are subtracted.
        assert!(
            loud <= 0.04 * (thread::available_parallelism().unwrap().get() as f64),
            "{loud}"
        );
    }
}
