// The program of the launcher: it starts other programs for who writes to its standard input, and tells of their ends.
//
//     in:  run ID REPORT CWD INPUT ARG...      out: ID report TEXT
//          kill ID                                  ID end STATUS STDOUT STDERR
//
// a line each; texts in hexadecimal digits; CWD may be empty; STATUS as of wait(2). With REPORT 1 the program has
// descriptor 3, its first line is told, and its output is dropped. Ends with its standard input. Perl, for every Debian
// has it: a fork of a process of 5 MiB takes a tenth of the time that one of Node's takes.
//
// What one call of the kernel does needs no program to be loaded; such an ARG... begins with a colon:
//
//     :mount TYPE SOURCE TARGET FLAGS DATA     as mount(2), which waits for nothing
//     :detach TARGET...                        umount2(2), lazily, in this order, which may wait for a disk; the first failure ends it
//     :netns PATH ARG...                       the program of ARG... in the network namespace of a file
//
// Arguments of the program are the numbers of these calls.
const launcherProgram = String.raw`
use strict;
my (%by_fd, %jobs, @ending);
my ($mask, $in) = ('', '');
open my $reserved, '<', '/dev/null' or die; # descriptor 3, until a program gets it

sub answer {
  my $line = join(' ', @_) . "\n";
  while (length $line) {
    my $written = syswrite STDOUT, $line;
    die "$!" unless $written || $! == 4; # EINTR
    substr($line, 0, $written || 0) = '';
  }
}

sub follow {
  my ($job, $name, $handle) = @_;
  $by_fd{fileno $handle} = [$job, $name, $handle];
  $job->{open}++;
  vec($mask, fileno $handle, 1) = 1;
}

sub leave {
  my ($job, $handle) = @_;
  vec($mask, fileno $handle, 1) = 0;
  delete $by_fd{fileno $handle};
  close $handle;
  push @ending, $job unless --$job->{open};
}

my %call = @ARGV;

sub mount_here {
  my ($id, $cwd, undef, $type, $source, $target, $flags, $data) = @_;
  my $done = (!length $cwd || chdir $cwd) && syscall($call{mount}, $source, $target, $type, $flags + 0, $data) == 0;
  answer($id, 'end', $done ? 0 : 1 << 8, '', $done ? '' : unpack 'H*', "$target: $!");
  chdir '/';
}

sub detach {
  syscall $call{umount2}, $_, 2 and fail($_) for @_; # MNT_DETACH
  leave_at_once(0);
}

sub enter_network {
  my ($path, @program) = @_;
  open my $namespace, '<', $path or fail($path);
  syscall($call{setns}, fileno $namespace, 0x40000000) and fail($path); # CLONE_NEWNET
  @program;
}

sub fail { syswrite STDERR, "$_[0]: $!\n"; leave_at_once(1) }

# Perl's own exit writes to every page that it has from the launcher, which are copied first.
sub leave_at_once { syscall $call{exit_group}, $_[0] }

my %own = (':detach' => \&detach, ':netns' => \&enter_network);

sub refuse { answer($_[0], 'end', 127 << 8, '', unpack 'H*', "cannot start a program: $!") }

sub run {
  my ($id, $reports, $cwd, $input, @argv) = @_;
  return mount_here($id, $cwd, @argv) if $argv[0] eq ':mount';
  my @names = $reports ? ('report') : ('out', 'err');
  my (%read, %write);
  pipe $read{$_}, $write{$_} or return refuse($id) for 'in', @names;
  # All of it before there is who reads it: nobody takes half of it for all.
  syswrite $write{in}, $input;
  close $write{in};
  defined(my $pid = fork) or return refuse($id);
  if (!$pid) {
    open STDIN, '<&', $read{in};
    open STDOUT, '>&', $write{out} || $reserved;
    open STDERR, '>&', $write{err} || $reserved;
    if ($reports) {
      close $reserved;
      $^F = 3; # not closed when the program starts
      open my $report, '>&', $write{report};
      $ENV{_OCI_SYNCPIPE} = 3;
      exec { $argv[0] } @argv;
    }
    if (!length $cwd || chdir $cwd) {
      my $own = $own{$argv[0]};
      @argv = $own->(@argv[1 .. $#argv]) if $own;
      exec { $argv[0] } @argv;
    }
    print STDERR "cannot run $argv[0]: $!\n";
    kill KILL => $$;
  }
  my $job = $jobs{$id} = { id => $id, pid => $pid, open => 0, out => '', err => '', report => '' };
  close $_ for $read{in}, values %write;
  follow($job, $_, $read{$_}) for @names;
}

sub hear {
  my ($job, $name, $handle) = @{ $by_fd{$_[0]} };
  my $got = sysread $handle, my $text, 65536;
  return leave($job, $handle) unless $got;
  $job->{$name} .= $text unless $name eq 'err' && length $job->{err} > 2000;
  return unless $job->{report} =~ /^(.*)\n/;
  answer($job->{id}, 'report', unpack 'H*', $1);
  leave($job, $handle);
}

sub reap {
  my ($job) = @_;
  return 0 unless waitpid($job->{pid}, 1); # WNOHANG
  answer($job->{id}, 'end', $?, map { unpack 'H*', $job->{$_} } 'out', 'err');
  delete $jobs{$job->{id}};
}

sub obey {
  my ($verb, $id, @fields) = split / /, $_[0], -1;
  return run($id, map { pack 'H*', $_ } @fields) if $verb eq 'run';
  kill KILL => $jobs{$id}{pid} if $jobs{$id};
}

$SIG{CHLD} = sub {}; # wakes select
vec($mask, 0, 1) = 1;
for (;;) {
  # Who has closed its output ends at once, or is looked at again.
  my $found = select my $ready = $mask, undef, undef, @ending ? 0.002 : undef;
  if ($found > 0) {
    hear($_) for grep { vec $ready, $_, 1 } keys %by_fd;
    if (vec $ready, 0, 1) {
      sysread(STDIN, $in, 65536, length $in) or exit;
      obey($1) while $in =~ s/^(.*)\n//;
    }
  }
  @ending = grep { !reap($_) } @ending;
}
`;

/** As in asm/unistd.h. */
const callNumbers: Partial<Record<NodeJS.Architecture, object>> = {
  x64: { mount: 165, umount2: 166, setns: 308, exit_group: 231 },
  arm64: { mount: 40, umount2: 39, setns: 268, exit_group: 94 },
};

/** How perl is called. */
export function launcherArguments(): string[] {
  const numbers = callNumbers[process.arch];
  if (!numbers) throw new Error(`containers run on x86-64 and arm64, and this machine is ${process.arch}`);
  return ['-e', launcherProgram, ...Object.entries(numbers).flat().map(String)];
}
