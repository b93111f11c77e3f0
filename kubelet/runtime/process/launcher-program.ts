// The program of the launcher: it starts other programs for who writes to its standard input, and tells of their ends.
//
//     in:  run ID REPORT CWD INPUT ARG...      out: ID report TEXT
//          kill ID                                  ID end STATUS STDOUT STDERR
//
// a line each; texts in hexadecimal digits; CWD may be empty; STATUS as of wait(2). With REPORT 1 the program has
// descriptor 3, its first line is told, and its output is dropped. Ends with its standard input. Perl, for every Debian
// has it: a fork of a process of 5 MiB takes a tenth of the time that one of Node's takes.
export const launcherProgram = String.raw`
use strict;
my (%by_fd, %jobs, @ending);
my ($mask, $in) = ('', '');
open my $reserved, '<', '/dev/null' or die; # descriptor 3, until a program gets it

sub answer { my $line = join(' ', @_) . "\n"; syswrite(STDOUT, $line) == length $line or die "$!" }

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

sub refuse { answer($_[0], 'end', 127 << 8, '', unpack 'H*', "cannot start a program: $!") }

sub run {
  my ($id, $reports, $cwd, $input, @argv) = @_;
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
    (!length $cwd || chdir $cwd) and exec { $argv[0] } @argv;
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
